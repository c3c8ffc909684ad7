import pytest

# A failed assertion outside a test file tells its values only when its module is named here, before it is imported.
pytest.register_assert_rewrite("tests.contracts.broker_contract", "tests.contracts.steps")
