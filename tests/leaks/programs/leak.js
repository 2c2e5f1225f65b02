// Leaks buffers whose memory is not in V8's heap, in an array that only grows. Usage as of leak.c.
const eachBytes = 50_000;
const kept = [];
const steps = require('readline').createInterface({ input: process.stdin });
console.log('started');
steps.once('line', () => {
  for (let left = Number(process.argv[3]) * 2 ** 20; left > 0; left -= eachBytes)
    kept.push(Buffer.alloc(eachBytes, 1));
  console.log('leaked');
  steps.once('line', () => process.exit(0));
});
