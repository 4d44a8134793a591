"""A report with its definition, as the daemon passes both to the uploader."""

from support.manifests.core_questions import asking

from telemetryd.core.answers.report import Report, encode
from telemetryd.core.definition import canonical_text
from telemetryd.core.sending.uploader_protocol import Job, encode_job
from telemetryd.system import own_package

DEFINITION = asking()
TEXT = canonical_text(DEFINITION)
NONCE = "0123456789abcdef" * 2
REPORT = Report(*DEFINITION.key, DEFINITION.revision, "2026-W48", ("<500",), 2.0, NONCE)
BODY = encode(REPORT)


def job(url, /, **fields):
    """The bytes of a job for Kate's vendor; by default with this report."""
    return encode_job(Job("kde", url, developer=False, body=BODY, definition=TEXT, package=own_package.LOADED)._replace(**fields))


def reviews_of(*definitions, date="2026-11-20"):
    """A file of reviews that admits these definitions."""
    return "\n".join(
        f'[[review]]\napplication = "{definition.application.id}"\nquestion = "{definition.question.id}"\n'
        f'definition = "{definition.digest}"\n'
        'reviewers = ["Ada Example <ada@example.org>", "Bo Example <bo@example.org>"]\nrecord = "https://example.org/42"\n'
        f"date = {date}\n"
        for definition in definitions
    )
