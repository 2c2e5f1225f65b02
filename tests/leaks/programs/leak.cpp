// A C++ program that leaks by new and by a container that only grows, from threads. Usage as of leak.c.
#include <array>
#include <barrier>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <thread>
#include <unistd.h>

namespace {
constexpr int threads = 3;
constexpr size_t mib = 1 << 20;

struct Order {
    std::array<char, 700> text;
    Order *next;
};

void leak(size_t bytes, std::barrier<> &together, int number) {
    together.arrive_and_wait();  // while all live, each has an arena of its own
    auto *cache = new std::map<size_t, std::string>;
    for (size_t done = 0; done < bytes;) {
        auto *lost = new Order;
        lost->text.fill('x');
        lost->next = reinterpret_cast<Order *>(cache);
        (*cache)[done] = std::string(200 + done % 900, 'x');
        // malloc's own header, the node of the map and its string, each rounded up to 16 bytes
        done += sizeof(Order) + 16 + 80 + (200 + done % 900 + 1 + 8 + 15) / 16 * 16;
    }
    together.arrive_and_wait();
    if (number > 0) pause();
}
}  // namespace

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    const size_t bytes = std::strtoul(argv[2], nullptr, 10) * mib;
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    std::puts("started");
    if (std::getchar() == EOF) return 0;
    std::barrier together(threads);
    for (int number = 1; number < threads; number++)
        std::thread(leak, bytes / threads, std::ref(together), number).detach();
    leak(bytes / threads, together, 0);
    std::puts("leaked");
    std::getchar();
    std::_Exit(0);
}
