"""What holds for all tests."""

from hypothesis import settings

# a shared machine is slow at times: what is fast enough is measured in bench/
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
settings.register_profile("fast", deadline=None, max_examples=15)
