"""Its being here puts the repository's root on the import path, so that tests find their helpers as `tests.name`."""
