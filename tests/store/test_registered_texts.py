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


def test_the_same_again_reads_nothing(store):
    """From the second time on an unchanged registration does not touch the database, which would be warm for what is kept. Policy: C3."""
    texts = store.texts
    texts.keep("a.b", "text", "2026-11")
    seen = []
    store.main._connection.set_trace_callback(seen.append)
    for _ in range(3):
        assert texts.is_kept("a.b", "text")
        texts.keep("a.b", "text", "2026-11")
    assert seen == []


def test_is_kept(opened):
    """A text is the registered one until another is, after a restart too; none is once it was dropped."""
    opened().texts.keep("a.b", "text", "2026-11")
    texts = opened().texts
    assert texts.is_kept("a.b", "text")
    assert not texts.is_kept("a.b", "other")
    assert not texts.is_kept("c.d", "text")
    texts.keep("a.b", "other", "2026-11")
    assert [texts.is_kept("a.b", text) for text in ("text", "other")] == [False, True]
    texts.drop("a.b")
    assert not texts.is_kept("a.b", "other")
    assert texts.get("a.b") is None
