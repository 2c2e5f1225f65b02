"""Language runtimes that are compared where they are found, and what each is asked to hold in memory."""

from dataclasses import dataclass
from typing import Final

RUBY: Final = """
kept = (1..%d).map { |i| i.to_s * 8 }
big = 'x' * %d
%d.times { Thread.new { sleep } }
fibers = (1..%d).map { f = Fiber.new { Fiber.yield }; f.resume; f }
3.times { GC.start }
$stdout.sync = true
puts 'ready'
sleep
"""
PHP: Final = """
$kept = []; for ($i = 0; $i < %d; $i++) $kept[] = [$i, str_repeat('x', $i %% 300)];
$big = []; for ($i = 1; $i <= %d; $i++) $big[] = str_repeat('y', 1000000 * $i);
function wait() { $f = new Fiber(function () { Fiber::suspend(); }); $f->start(); return $f; }
$fibers = []; for ($i = 0; $i < %d; $i++) $fibers[] = wait();
function work($n) { $s = 0; for ($i = 0; $i < $n; $i++) $s += $i %% 7; return $s; }
for ($i = 0; $i < 2000; $i++) work(500);
echo "ready\\n"; sleep(1000);
"""
ERLANG: Final = (
    "Keep = lists:seq(1, %d), T = ets:new(t, [public]), "
    "[ets:insert(T, {I, lists:seq(1, 20)}) || I <- lists:seq(1, %d)], "
    "B = [binary:copy(<<1>>, 1000000 + I * 1000) || I <- lists:seq(1, %d)], "
    "[spawn(fun() -> L = lists:seq(1, 200), receive _ -> L end end) || _ <- lists:seq(1, %d)], "
    'io:format("ready~n"), receive _ -> {Keep, B, T} end.'
)
NODE: Final = """
const { Worker } = require('worker_threads');
const kept = [];
for (let i = 0; i < %d; i++) kept.push(new Array(100000).fill({ number: i }));
for (let i = 0; i < %d * 20000; i++) kept.push({ name: 'n' + i, list: [i, i + 1] });
for (let i = 1; i <= %d; i++) kept.push(Buffer.alloc(3000000 + i, 1));
for (let i = 0; i < %d; i++) new Worker('setInterval(() => {}, 1e6)', { eval: true });
function hot(n) { let s = 0; for (let i = 0; i < n; i++) s += i %% 7; return s; }
for (let i = 0; i < 5000; i++) hot(1000);
if (%d) kept.push(new WebAssembly.Memory({ initial: 100, maximum: 1000 }));
setTimeout(() => console.log('ready'), 1500);
setInterval(() => kept.length, 1e6);
"""
PYTHON: Final = """
import threading, time, mmap
kept = [[str(i) * 3 for i in range(%d)], [bytearray(b"1") * (3000000 + i) for i in range(%d)]]
own = mmap.mmap(-1, 8 << 20, flags=mmap.MAP_PRIVATE); own[:1000000] = bytes(1000000)
for _ in range(%d): threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
print('ready', flush=True)
time.sleep(1000)
"""
LUA: Final = """
local kept = {} for i = 1, %d do kept[i] = {i, tostring(i)} end
local big = string.rep('x', 20000000)
io.write('ready\\n') io.flush() io.read()
"""
PERL: Final = (
    "$| = 1; my @k = map { 'x' x 100 } 1..300000; my $b = 'y' x 50000000; print qq(ready\n); sleep 1000;"
)


@dataclass(frozen=True, slots=True)
class Runtime:
    """One way to run a runtime; `executable` is looked for, and what is not found is left out."""

    name: str
    executable: str
    arguments: tuple[str, ...]
    environment: str = ""


RUNTIMES: Final[tuple[Runtime, ...]] = (
    Runtime("ruby-threads", "ruby", ("-e", RUBY % (300_000, 20_000_000, 12, 0))),
    Runtime("ruby-fibers", "ruby", ("-e", RUBY % (20_000, 1000, 2, 80))),
    Runtime("ruby-large", "ruby", ("-e", RUBY % (1_000_000, 100_000_000, 1, 4))),
    Runtime("ruby-jit", "ruby", ("--jit", "-e", RUBY % (100_000, 1000, 4, 0)), "MALLOC_ARENA_MAX=2"),
    Runtime(
        "ruby-small-stacks",
        "ruby",
        ("-e", RUBY % (1000, 1000, 8, 8)),
        "RUBY_THREAD_MACHINE_STACK_SIZE=262144",
    ),
    Runtime("php-default", "php", ("-n", "-d", "memory_limit=-1", "-r", PHP % (300_000, 0, 0))),
    Runtime("php-large", "php", ("-n", "-d", "memory_limit=-1", "-r", PHP % (2000, 30, 0))),
    Runtime("php-fibers", "php", ("-n", "-d", "memory_limit=-1", "-r", PHP % (2000, 3, 50))),
    Runtime(
        "php-jit",
        "php",
        (
            "-d",
            "opcache.enable_cli=1",
            "-d",
            "opcache.jit_buffer_size=64M",
            "-d",
            "memory_limit=-1",
            "-r",
            PHP % (100_000, 5, 0),
        ),
    ),
    Runtime(
        "php-malloc", "php", ("-n", "-d", "memory_limit=-1", "-r", PHP % (100_000, 5, 0)), "USE_ZEND_ALLOC=0"
    ),
    Runtime(
        "php-huge-pages",
        "php",
        ("-n", "-d", "memory_limit=-1", "-r", PHP % (100_000, 5, 0)),
        "USE_ZEND_ALLOC_HUGE_PAGES=1",
    ),
    Runtime("erlang-default", "erl", ("-noshell", "-eval", ERLANG % (100_000, 10_000, 10, 100))),
    Runtime("erlang-processes", "erl", ("-noshell", "-eval", ERLANG % (1000, 100, 0, 20_000))),
    Runtime("erlang-small", "erl", ("+S", "1", "-noshell", "-eval", ERLANG % (10, 10, 0, 1))),
    Runtime(
        "erlang-large", "erl", ("+S", "8", "-noshell", "-eval", ERLANG % (3_000_000, 300_000, 100, 1000))
    ),
    Runtime(
        "erlang-super-carrier",
        "erl",
        ("+MMscs", "512", "-noshell", "-eval", ERLANG % (100_000, 10_000, 20, 100)),
    ),
    Runtime(
        "erlang-few-carriers",
        "erl",
        ("+Musac", "false", "+MBlmbcs", "512", "-noshell", "-eval", ERLANG % (100_000, 20_000, 40, 100)),
    ),
    Runtime("node-default", "node", ("-e", NODE % (40, 5, 10, 0, 0))),
    Runtime("node-workers", "node", ("-e", NODE % (10, 1, 0, 6, 0))),
    Runtime(
        "node-small-heap",
        "node",
        ("--max-old-space-size=64", "-e", NODE % (5, 1, 3, 1, 0)),
        "UV_THREADPOOL_SIZE=16",
    ),
    Runtime("node-interpreted", "node", ("--jitless", "-e", NODE % (20, 5, 3, 1, 0))),
    Runtime(
        "node-large",
        "node",
        ("--max-old-space-size=4000", "--max-semi-space-size=64", "-e", NODE % (100, 20, 5, 0, 0)),
    ),
    Runtime("node-wasm", "node", ("-e", NODE % (10, 1, 3, 1, 1))),
    Runtime("python3-threads", "python3", ("-c", PYTHON % (300_000, 4, 12))),
    Runtime("python3-large", "python3", ("-c", PYTHON % (1_000_000, 30, 2))),
    Runtime("python3-small", "python3", ("-c", PYTHON % (1000, 0, 1))),
    Runtime("python3-malloc", "python3", ("-c", PYTHON % (300_000, 4, 4)), "PYTHONMALLOC=malloc"),
    Runtime("pypy3-threads", "pypy3", ("-c", PYTHON % (300_000, 4, 6))),
    Runtime("pypy3-large", "pypy3", ("-c", PYTHON % (1_000_000, 20, 2))),
    Runtime("luajit", "luajit", ("-e", LUA % 300_000)),
    Runtime("perl-default", "perl", ("-e", PERL)),
)
C_LOAD: Final = ("threads=12", "blocks=3000", "size=3000")
LARGE_LOAD: Final = ("threads=6", "blocks=40", "size=3000000")
PRELOADED: Final = (
    "libjemalloc.so.2",
    "libmimalloc.so.2",
    "libmimalloc.so.3",
    "libtcmalloc.so.4",
    "libtcmalloc_minimal.so.4",
)
GO_LOADS: Final = (
    ("goroutines", ("goroutines=2000", "heap=30")),
    ("large", ("heap=200", "big=100", "garbage=500")),
    ("small", ("heap=1",)),
)
CGO_LOADS: Final = (
    ("threads", ("heap=20", "threads=20", "blocks=300", "size=4000")),
    ("chunks", ("heap=50", "big=20", "threads=4", "blocks=10", "size=1000000")),
    ("idle", ("heap=1",)),
)
