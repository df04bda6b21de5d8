// Preloaded into a server (NODE_OPTIONS=--import), which then goes wrong, as no code should, when it is sent a signal.
process.on('SIGUSR2', () => void Promise.reject(new Error('a fault of a test')));
process.on('SIGPROF', () => {
  throw new Error('a fault of a test');
});
