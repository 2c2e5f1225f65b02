import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.zip.Deflater;

/** Uses memory as asked, says "ready", waits: heap=MB threads=N deep=FRAMES direct=N inflate=THREADS garbage=MB gone=THREADS. */
public final class Load {
    private static final List<Object> KEPT = new ArrayList<>();

    private Load() {}

    public static void main(String[] arguments) throws Exception {
        for (int block = 0; block < asked(arguments, "heap", 8); block++) {
            KEPT.add(new byte[1 << 20]);
        }
        for (int block = 0; block < asked(arguments, "direct", 2); block++) {
            ByteBuffer buffer = ByteBuffer.allocateDirect((1 << 20) + block * 77_777);
            for (int at = 0; at < buffer.capacity(); at += 4096) {
                buffer.put(at, (byte) 1);
            }
            KEPT.add(buffer);
        }
        int threads = asked(arguments, "threads", 4);
        int natives = asked(arguments, "inflate", 4);
        CountDownLatch started = new CountDownLatch(threads + natives);
        for (int number = 0; number < threads + natives; number++) {
            boolean compresses = number >= threads;
            int depth = asked(arguments, "deep", 10);
            Thread thread = new Thread(() -> {
                if (compresses) {
                    compress();
                }
                descend(depth, started);
            }, "load-" + number);
            thread.setDaemon(true);
            thread.start();
        }
        started.await();
        Thread[] ended = new Thread[asked(arguments, "gone", 0)];
        CountDownLatch together = new CountDownLatch(ended.length);
        for (int number = 0; number < ended.length; number++) {
            ended[number] = new Thread(() -> {
                together.countDown();
                try {
                    together.await();
                } catch (InterruptedException stop) {
                    Thread.currentThread().interrupt();
                }
            });
            ended[number].start();
        }
        for (Thread thread : ended) {
            thread.join();
        }
        long sum = 0;
        for (int block = 0; block < asked(arguments, "garbage", 100); block++) {
            sum += new byte[1 << 20].length;
        }
        System.out.println("allocated " + sum);
        System.out.println("ready");
        Thread.sleep(Long.MAX_VALUE);
    }

    private static void descend(int depth, CountDownLatch started) {
        if (depth > 0) {
            descend(depth - 1, started);
            return;
        }
        started.countDown();
        try {
            Thread.sleep(Long.MAX_VALUE);
        } catch (InterruptedException stop) {
            Thread.currentThread().interrupt();
        }
    }

    /** zlib's state is malloc'ed: about 260 KiB a Deflater, from the arena of the thread. */
    private static void compress() {
        byte[] output = new byte[1 << 16];
        for (int number = 0; number < 20; number++) {
            Deflater deflater = new Deflater();
            deflater.setInput(new byte[1 << 14]);
            deflater.finish();
            deflater.deflate(output);
            synchronized (KEPT) {
                KEPT.add(deflater);
            }
        }
    }

    private static int asked(String[] arguments, String name, int otherwise) {
        for (String argument : arguments) {
            if (argument.startsWith(name + "=")) {
                return Integer.parseInt(argument.substring(name.length() + 1));
            }
        }
        return otherwise;
    }
}
