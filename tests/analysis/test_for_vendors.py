import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_page_is_current():
    """Every figure and output in docs/for-vendors.md is what the repository computes now."""
    spec = importlib.util.spec_from_file_location("generate_for_vendors", ROOT / "docs" / "generate_for_vendors.py")
    docs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(docs)
    assert docs.PAGE.read_text(encoding="utf-8") == docs.page()
    assert docs.PAGE.read_text(encoding="utf-8").count(docs.END) == 5
