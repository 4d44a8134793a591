def written(folder):
    """What is on disk; the index of the log (-shm) notes readers too, and ends with the last of them."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith("-shm")}


def test_kept(opened):
    """The last text and its month come back; a text that is dropped is gone."""
    texts = opened().texts
    texts.keep("a.b", "first", "2026-10")
    texts.keep("a.b", "zweiter, ü", "2026-11")
    texts.keep("c.d", "other", "2026-11")
    texts.drop("c.d")
    again = opened().texts
    assert again.months() == {"a.b": "2026-11"}
    assert (again.get("a.b"), again.get("c.d")) == ("zweiter, ü", None)


def test_the_same_again_writes_nothing(folder, store):
    """Registering the same text in the same month leaves every file as it is: registering daily leaves no trace of the days."""
    store.texts.keep("a.b", "text", "2026-11")
    before = written(folder)
    store.texts.keep("a.b", "text", "2026-11")
    assert written(folder) == before
    store.texts.keep("a.b", "text", "2026-12")
    assert written(folder) != before
