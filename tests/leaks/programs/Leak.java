import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** Leaks direct buffers, which the JVM takes from malloc, from several threads. Usage as of leak.c. */
public class Leak {
    private static final int THREADS = 4;
    private static final int EACH_BYTES = 20_000;

    public static void main(String[] arguments) throws Exception {
        long bytes = Long.parseLong(arguments[1]) << 20;
        System.out.println("started");
        System.in.read();
        List<Thread> threads = new ArrayList<>();
        for (int number = 0; number < THREADS; number++) {
            Thread thread = new Thread(() -> leak(bytes / THREADS));
            thread.start();
            threads.add(thread);
        }
        for (Thread thread : threads) thread.join();
        System.out.println("leaked");
        System.in.read();
    }

    private static final List<List<ByteBuffer>> kept = new ArrayList<>();

    private static void leak(long bytes) {
        List<ByteBuffer> own = new ArrayList<>();
        synchronized (kept) {
            kept.add(own);
        }
        for (long left = bytes; left > 0; left -= EACH_BYTES + 16) {
            ByteBuffer buffer = ByteBuffer.allocateDirect(EACH_BYTES);
            own.add(buffer);
        }
    }
}
