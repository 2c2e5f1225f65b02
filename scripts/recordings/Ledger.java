import java.util.concurrent.CountDownLatch;

/** A thread a connection, each once deep in recursion: what a stack has touched stays resident. */
public final class Ledger {
    private static int descend(int depth) {
        return depth == 0 ? 0 : 1 + descend(depth - 1);
    }

    public static void main(String[] arguments) throws Exception {
        int connections = Integer.parseInt(System.getenv().getOrDefault("CONNECTIONS", "240"));
        int depth = Integer.parseInt(System.getenv().getOrDefault("DEPTH", "4000"));
        CountDownLatch connected = new CountDownLatch(connections);
        for (int connection = 0; connection < connections; connection++) {
            new Thread(() -> {
                descend(depth);
                connected.countDown();
                try {
                    Thread.sleep(Long.MAX_VALUE);
                } catch (InterruptedException end) {
                    Thread.currentThread().interrupt();
                }
            }, "connection-" + connection).start();
        }
        connected.await();
        System.out.println("ready");
    }
}
