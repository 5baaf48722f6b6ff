"""Its being here puts the repository's root on the import path, so that tests find their helpers as `tests.name`."""


def pytest_addoption(parser):
    """`--update-golden` rewrites the golden files."""
    parser.addoption("--update-golden", action="store_true", help="write golden files anew")
