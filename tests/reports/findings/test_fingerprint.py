import pytest

from reports.findings.fingerprint import DIGITS, fingerprint, service_key


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("checkout.service", "checkout.service"),
        ("php8.2-fpm.service", "php8.3-fpm.service"),
        ("app@3", "app@17"),
        ("app@blue", "app@green"),
        ("postgresql@15-main.service", "postgresql@16-main.service"),
        ("worker-7f9c", "worker-1a2b"),
        ("worker-7f9c6d5b8-x2x9z", "worker-5b8d7c9f46-k7w2q"),
        ("worker-0123abcdef", "worker-fedcba9876"),
        ("nomad-0f8fad5b-d9cb-469f-a165-70867728950e", "nomad-7c9e6679-7425-40de-944b-e07fc1f90ae7"),
        ("java app-1.4.2-SNAPSHOT.jar", "java app-1.5.0.jar"),
        ("java app-1.4.2.jar", "java app.jar"),
        ("java app-2.0-rc1.jar", "java app-2.0.jar"),
        ("app-1.2.3-4f5e6d7.jar", "app-1.2.4-0a1b2c3.jar"),
        ("java -jar app.jar", "java app.jar"),
        ("java app.jar --port", "java app.jar --metrics --port"),
        ("python3.11 -m gunicorn --bind", "python3.12 -m gunicorn"),
        ("run-r6d7a1f0c9b8e4f2d8a.service", "run-r00aa11bb22cc33dd44.service"),
        ("run-u12.service", "run-u9.service"),
        ("anacron-20261130.service", "anacron-20261201.service"),
        ("backup-2026-11-30.service", "backup-2026-12-01.service"),
        ("redis-6379.service", "redis-6380.service"),
        ("docker-" + "0123456789abcdef" * 4 + ".scope", "docker-" + "fedcba9876543210" * 4 + ".scope"),
        ("v1.2-tool", "v1.3-tool"),
        ("java app-41.jar", "java app-42.jar"),
        ("java com.example.v2.Main", "java com.example.v3.Main"),
        ("2026-11-30", "7f9c"),
    ],
)
def test_a_deploy_changes_no_key(before: str, after: str) -> None:
    assert service_key(before) == service_key(after)
    assert service_key(before)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("checkout.service", "payment.service"),
        ("app@.service", "app.service"),
        ("cafe.service", "face.service"),  # of hexadecimal letters alone
        ("db01.service", "fe01.service"),  # names with a number, no hashes
        ("java app.jar", "java other.jar"),
        ("node server.js", "node worker.js"),
        ("python -m gunicorn", "python -m celery"),
        ("web-api.service", "web-ui.service"),
        ("users-3-worker@.service", "users-4-worker@.service"),
        ("tomcat9.service", "tomcat10.service"),
        ("release.service", "service"),
        ("bash -c", "bash"),
    ],
)
def test_other_services_have_other_keys(one: str, other: str) -> None:
    assert service_key(one) != service_key(other)


def test_without_a_service_the_program_counts_without_its_folder() -> None:
    assert service_key("", "/opt/app-1.2/bin/server-1.2") == service_key("", "/srv/server-1.3") == "server"
    assert service_key("", "") == ""


def test_code_service_and_kind_count_and_none_can_be_taken_for_another() -> None:
    names = [
        ("many_arenas", "api.service", "heap_arena"),
        ("huge_stacks", "api.service", "heap_arena"),
        ("many_arenas", "web.service", "heap_arena"),
        ("many_arenas", "api.service", ""),
        ("many_arenas", "api.service\nheap_arena", ""),
    ]
    prints = [fingerprint(*each) for each in names]
    assert len(set(prints)) == len(prints)
    assert {len(each) for each in prints} == {DIGITS}
    # published: other tools keep it
    assert prints[0] == fingerprint("many_arenas", "api.service", "heap_arena")


def test_a_hostile_name_has_a_fingerprint() -> None:
    assert len(fingerprint("many_arenas", service_key("\udcff<script>"), "")) == DIGITS
