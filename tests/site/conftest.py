"""UWOFFLOAD_EXAMPLES=10000 has Hypothesis try that many random runs of each claim."""

import os

import hypothesis

hypothesis.settings.register_profile(
    "site",
    deadline=None,  # a busy computer is not a bug
    max_examples=int(os.environ.get("UWOFFLOAD_EXAMPLES", "100")),
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("site")
