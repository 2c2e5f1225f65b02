"""What leaks in Python, Node, Ruby and PHP, as programs to be given on a command line."""

from typing import Final

# arguments: way, bytes of a block, bytes in all, threads, library
PYTHON: Final = """
import ctypes, os, random, sys, threading, time
way, size, total, threads, library = sys.argv[1], *map(int, sys.argv[2:5]), sys.argv[5]
kept, gate = [], threading.Barrier(threads + 1)
def grow(part, total):
    draw, used = random.Random(part), 0
    while used < total:
        if way == 'objects':
            kept.append({'name': 'n%d' % used, 'list': [used, part], 'text': 'x' * draw.randrange(300)})
            used += 600
        elif way == 'arrays':
            more = draw.randrange(size, 2 * size)
            kept.append(numpy.ones(more // 8))
            used += more
        else:
            more = draw.randrange(size, 2 * size)
            kept.append(bytearray(b'1') * more)
            used += more
def serve(part):
    grow(part, total // threads)
    gate.wait()
    time.sleep(1e6)
if way == 'arrays':
    import numpy
if way == 'ctypes':
    ctypes.CDLL(library).leak(os.environ['LEAK'].encode())
elif way == 'extension':
    import leaking
    leaking.leak(os.environ['LEAK'])
elif not threads:
    grow(0, total)
else:
    for part in range(threads):
        threading.Thread(target=serve, args=(part,), daemon=True).start()
    gate.wait()
if os.environ.get('FORKED'):
    while os.fork():
        time.sleep(1e6)
    grow(99, total // 3)
print('ready', flush=True)
time.sleep(1e6)
"""

# arguments: way, bytes of a block, bytes in all, workers, library
NODE: Final = """
const { Worker } = require('worker_threads');
const [way, size, total, workers, library] = process.argv.slice(1).map((word) => Number(word) || word);
const grow = `
  const kept = [];
  let state = seed;
  const draw = () => (state = (state * 48271) % 2147483647) / 2147483647;
  for (let used = 0; used < total; ) {
    const bytes = Math.ceil(size * (0.5 + draw()));
    if (way === 'objects') kept.push({ name: 'n' + used, list: new Array(20).fill(used) });
    else if (way === 'slow') kept.push(Buffer.allocUnsafeSlow(bytes).fill(1));
    else if (way === 'arrays') kept.push(new Float64Array(Math.ceil(bytes / 8)).fill(1));
    else kept.push(Buffer.alloc(bytes, 1));
    used += way === 'objects' ? 300 : bytes;
  }
  globalThis.kept = kept;
`;
const say = () => setTimeout(() => console.log('ready'), 500);
if (way === 'addon') {
  process.dlopen({ exports: {} }, library);
  say();
} else if (Number(workers) > 0) {
  let left = workers;
  const head = `const [way, size, total, seed] = require('worker_threads').workerData;`;
  const tail = `require('worker_threads').parentPort.postMessage(1); setInterval(() => {}, 1e6);`;
  for (let index = 0; index < workers; index++) {
    const workerData = [way, size, total / workers, index + 1];
    new Worker(head + grow + tail, { eval: true, workerData }).on('message', () => --left || say());
  }
} else {
  new Function('way', 'size', 'total', 'seed', grow)(way, size, total, 7);
  say();
}
setInterval(() => {}, 1e6);
"""

# arguments: way, bytes of a block, bytes in all, threads, library
RUBY: Final = """
way, size, total, threads, library = ARGV[0], *ARGV[1, 3].map(&:to_i), ARGV[4]
kept = []
grow = lambda do |part, total|
  draw, used = Random.new(part), 0
  while used < total
    bytes = way == 'objects' ? 200 : size + draw.rand(size)
    kept << (way == 'objects' ? [used, used.to_s, { used => part }] : 'x' * bytes)
    used += bytes
  end
end
if way == 'fiddle'
  require 'fiddle'
  leak = Fiddle::Function.new(Fiddle.dlopen(library)['leak'], [Fiddle::TYPE_VOIDP], Fiddle::TYPE_VOID)
  leak.call(ENV['LEAK'])
elsif threads == 0
  grow.call(0, total)
else
  done = Queue.new
  threads.times { |part| Thread.new { grow.call(part, total / threads); done << 1; sleep } }
  threads.times { done.pop }
end
$stdout.sync = true
puts 'ready'
sleep
"""
PHP: Final = """
[, $way, $size, $total] = $argv;
$kept = [];
mt_srand((int)$size);
for ($used = 0; $used < $total; $used += $bytes) {
    $bytes = $way == 'objects' ? 400 : mt_rand((int)$size, 2 * $size);
    $kept[] = $way == 'objects' ? [$used, "n$used", ['part' => $used]] : str_repeat('x', $bytes);
}
echo "ready\\n";
sleep(100000);
"""
