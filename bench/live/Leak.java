import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.BlockingDeque;
import java.util.concurrent.ConcurrentNavigableMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ScheduledExecutorService;
import java.util.zip.Deflater;

/** Leaks outside of its heap as asked, says "ready", waits: heap=MB way=WAY[,WAY...] mib=MIB size=BYTES from=THREADS threads=N deep=FRAMES seed=N library=FILE. */
public final class Leak {
    private static final List<Object> KEPT = Collections.synchronizedList(new ArrayList<>());
    private static final Class<?>[][] SHAPES = {
        {ConcurrentNavigableMap.class, CharSequence.class}, {BlockingDeque.class}, {ScheduledExecutorService.class},
    };
    private static String[] words;

    private Leak() {}

    private static native void leak();

    private interface Step {
        long leakOnce(Random random) throws Exception;
    }

    public static void main(String[] arguments) throws Exception {
        words = arguments;
        for (int block = 0; block < asked("heap", 8); block++) {
            KEPT.add(new byte[1 << 20]);
        }
        churn(asked("garbage", 100));
        String[] ways = said("way", "none").split(",");
        int from = asked("from", 1) * ways.length;
        CountDownLatch done = new CountDownLatch(from);
        for (int number = 0; number < from; number++) {
            String way = ways[number % ways.length];
            long part = ((long) asked("mib", 0) << 20) / from;
            Random random = new Random(asked("seed", 0) * 1000L + number);
            start("leak-" + number, () -> {
                run(way, part, random);
                done.countDown();
                sleep();
            });
        }
        done.await();
        park(asked("threads", 0), asked("deep", 10));
        churn(asked("garbage", 100));
        System.out.println("ready");
        sleep();
    }

    private static void run(String way, long total, Random random) {
        int size = asked("size", 1000);
        try {
            switch (way) {
                case "direct": until(total, random, own -> direct(size)); break;
                case "direct-random": until(total, random, own -> direct(1 + own.nextInt(2 * size))); break;
                case "unsafe": until(total, random, unsafe(size)); break;
                case "inflate": until(total, random, own -> compress()); break;
                case "classes": until(total, random, own -> define(own)); break;
                case "jni": System.load(said("library", "")); leak(); break;
                default: break;
            }
        } catch (Exception | LinkageError failed) {
            System.out.println(way + ": " + failed);
            System.exit(1);
        }
    }

    private static void until(long total, Random random, Step step) throws Exception {
        for (long used = 0; used < total; used += step.leakOnce(random)) {
            if (used < 0) {
                return;
            }
        }
    }

    private static long direct(int bytes) {
        ByteBuffer buffer = ByteBuffer.allocateDirect(bytes);
        for (int at = 0; at < bytes; at += 4096) {
            buffer.put(at, (byte) 1);
        }
        KEPT.add(buffer);
        return bytes;
    }

    private static Step unsafe(int size) throws Exception {
        Class<?> type = Class.forName("sun.misc.Unsafe");
        Field field = type.getDeclaredField("theUnsafe");
        field.setAccessible(true);
        Object only = field.get(null);
        Method allocate = type.getMethod("allocateMemory", long.class);
        Method fill = type.getMethod("setMemory", long.class, long.class, byte.class);
        return random -> {
            long bytes = size / 2 + random.nextInt(size);
            fill.invoke(only, allocate.invoke(only, bytes), bytes, (byte) 1);
            return bytes;
        };
    }

    /** zlib's state is malloc'ed: about 260 KiB a Deflater. */
    private static long compress() {
        Deflater deflater = new Deflater();
        deflater.setInput(new byte[1 << 14]);
        deflater.finish();
        deflater.deflate(new byte[1 << 16]);
        KEPT.add(deflater);
        return 260 << 10;
    }

    /** A proxy class of a class loader of its own, as redeployed applications leave them: metaspace, 24 KiB or so. */
    private static long define(Random random) {
        ClassLoader loader = new URLClassLoader(new URL[0], Leak.class.getClassLoader());
        Class<?>[] shape = SHAPES[random.nextInt(SHAPES.length)];
        KEPT.add(Proxy.newProxyInstance(loader, shape, (proxy, method, given) -> null));
        return 24 << 10;
    }

    private static void park(int threads, int depth) throws InterruptedException {
        CountDownLatch started = new CountDownLatch(threads);
        for (int number = 0; number < threads; number++) {
            start("parked-" + number, () -> descend(depth, started));
        }
        started.await();
    }

    private static void descend(int depth, CountDownLatch started) {
        if (depth > 0) {
            descend(depth - 1, started);
            return;
        }
        started.countDown();
        sleep();
    }

    private static void start(String name, Runnable task) {
        Thread thread = new Thread(task, name);
        thread.setDaemon(true);
        thread.start();
    }

    private static void churn(int megabytes) {
        long sum = 0;
        for (int block = 0; block < megabytes; block++) {
            sum += new byte[1 << 20].length;
        }
        KEPT.add(sum);
    }

    private static void sleep() {
        try {
            Thread.sleep(Long.MAX_VALUE);
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        }
    }

    private static int asked(String name, int otherwise) {
        return Integer.parseInt(said(name, String.valueOf(otherwise)));
    }

    private static String said(String name, String otherwise) {
        for (String word : words) {
            if (word.startsWith(name + "=")) {
                return word.substring(name.length() + 1);
            }
        }
        return otherwise;
    }
}
