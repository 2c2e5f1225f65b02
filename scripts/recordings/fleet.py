"""Which recorded process runs where in the demo fleet."""

from hosts import DemoHost, Process

GB_KB = 2**20

# recordings that scripts/record cannot make everywhere: their folder in --cases
CASES = {
    "go-119": "go119-goroutines",
    "go-119-cgo": "go119-cgo",
    "go-127": "go127-named",
    "nginx": "nginx-trixie-worker",
}

CHECKOUT = "/system.slice/checkout.service"
SSHD = Process(741, "sshd", "/system.slice/ssh.service")
POSTGRES = "/system.slice/system-postgresql.slice/postgresql@15-main.service"


def app(number: int) -> DemoHost:
    """A member of the service that is compared over the fleet."""
    process = Process(1204 + 37 * number, f"checkout-{number}", CHECKOUT)
    return DemoHost(f"app-{number:02}", (SSHD, process), 8 * GB_KB, memory_max={CHECKOUT: 4 * 2**30})


HOSTS = (
    *(app(number) for number in range(1, 6)),
    DemoHost(
        "batch-01",
        (
            SSHD,
            Process(2310, "ledger", "/system.slice/ledger.service"),
            Process(2475, "forecast", "/system.slice/forecast.service"),
        ),
        16 * GB_KB,
    ),
    DemoHost(
        "edge-01",
        (
            SSHD,
            Process(902, "nginx", "/system.slice/nginx.service"),
            Process(1377, "go-119", "/system.slice/router.service"),
            Process(1391, "go-119-cgo", "/system.slice/resolver.service"),
            Process(1406, "go-127", "/system.slice/metrics.service"),
        ),
        4 * GB_KB,
        cores=4,
        debian=13,
    ),
    DemoHost(
        "web-01",
        (
            SSHD,
            Process(1123, "catalogue", "/system.slice/catalogue.service"),
            Process(1290, "redis", "/system.slice/redis-server.service"),
        ),
        4 * GB_KB,
        cores=4,
    ),
    DemoHost(
        "db-01",
        (
            SSHD,
            Process(1880, "postgres-0", POSTGRES),
            *(
                Process(1881 + number, f"postgres-{number}", POSTGRES, parent_pid=1880)
                for number in range(1, 12)
            ),
        ),
        32 * GB_KB,
        cores=16,
    ),
)
