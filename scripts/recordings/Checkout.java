import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.zip.Deflater;
import java.util.zip.Inflater;

/**
 * A small service that compresses what it is given, a Deflater and an Inflater a request, as many services do.
 * With KEEP_MB in the environment it forgets to end them: zlib's state is malloc'ed memory outside the Java heap,
 * in the arena of the thread that made it. That is the classic native leak of a JVM.
 */
public final class Checkout {
    private static final int NATIVE_BYTES_A_PAIR = 320 * 1024;

    private static void serve(int requests, long keepBytes, List<Object> kept) throws Exception {
        byte[] page = new byte[64 * 1024];
        byte[] out = new byte[64 * 1024];
        long held = 0;
        for (int request = 0; request < requests || held < keepBytes; request++) {
            for (int i = 0; i < page.length; i++) {
                page[i] = (byte) (i * request);
            }
            Deflater deflater = new Deflater();
            deflater.setInput(page);
            deflater.finish();
            int length = deflater.deflate(out);
            Inflater inflater = new Inflater();
            inflater.setInput(out, 0, length);
            inflater.inflate(page);
            if (held < keepBytes) {
                kept.add(deflater);
                kept.add(inflater);
                held += NATIVE_BYTES_A_PAIR;
            } else {
                deflater.end();
                inflater.end();
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        int workers = Integer.parseInt(System.getenv().getOrDefault("WORKERS", "16"));
        int requests = Integer.parseInt(System.getenv().getOrDefault("REQUESTS", "200"));
        long keepBytes = Long.parseLong(System.getenv().getOrDefault("KEEP_MB", "0")) << 20;
        CountDownLatch served = new CountDownLatch(workers);
        for (int worker = 0; worker < workers; worker++) {
            Thread thread = new Thread(() -> {
                List<Object> kept = new ArrayList<>();
                try {
                    serve(requests, keepBytes / workers, kept);
                    served.countDown();
                    Thread.sleep(Long.MAX_VALUE);
                } catch (Exception trouble) {
                    throw new IllegalStateException(trouble);
                }
                kept.clear();
            }, "checkout-" + worker);
            thread.start();
        }
        served.await();
        System.out.println("ready");
    }
}
