{
  "targets": [
    {
      "target_name": "symbolon",
      "sources": [
        "addon.c",
        "arguments.c",
        "process.c",
        "secure_memory.c",
        "notify.c",
        "nsm.c",
        "modulus.c",
        "scalars.c",
        "vectors.c",
        "bits.c",
        "secp256k1.c",
        "ed25519.c",
        "edwards.c",
        "ristretto255.c",
        "p256.c",
        "p256_sums.c",
        "es384.c"
      ],
      "defines": ["NAPI_VERSION=8", "_GNU_SOURCE"],
      "libraries": ["-lsecp256k1", "-lsodium"],
      "cflags": [
        "-std=c11",
        "-O2",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-Wconversion",
        "-Wformat=2",
        "-U_FORTIFY_SOURCE",
        "-D_FORTIFY_SOURCE=2",
        "-fstack-protector-strong",
        "-fstack-clash-protection",
        "-fvisibility=hidden"
      ],
      "ldflags": ["-Wl,-z,relro", "-Wl,-z,now", "-Wl,-z,noexecstack"]
    }
  ]
}
