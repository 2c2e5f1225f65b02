"""A batch job with a table of objects and a pool of threads that wait."""

import threading

ROWS = [{"sku": str(number), "week": number % 53, "units": number * 0.5} for number in range(200_000)]
QUIT = threading.Event()

for _ in range(12):
    threading.Thread(target=QUIT.wait, daemon=True).start()
print("ready", flush=True)
QUIT.wait()
print(len(ROWS))
