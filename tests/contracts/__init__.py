import pytest

# Without this, failed assertions in these modules do not show their values.
pytest.register_assert_rewrite("tests.contracts.broker_contract", "tests.contracts.steps")
