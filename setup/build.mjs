console.log('replaced by the set-up work');
