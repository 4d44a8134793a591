"""Shared sources, as a vendor installs them, and an application that pushes into them."""

from support.manifests.manifest_texts import KATE, application, question, this_week

SHARED = this_week(
    application("org.kde.frameworks", "KDE Frameworks", "Libraries")
    + """\
kind = "shared"
[[source]]
id = "session"
type = "count"
description = "A program was started"
combine = "applications"
bins = [1, 2, 3]
[[source]]
id = "crash"
type = "count"
description = "Crashes"
bins = [1, 5, 10, 100]
"""
    + question(
        *("programs", "session"),
        purpose="How many of our programs does one person use?",
        decision="Whether they share one set of settings",
    )
    + question(
        *("crashes", "crash"),
        purpose="How often do our programs crash?",
        decision="Whether the next release is delayed",
    )
)
FRAMEWORKS, KATE_ID, KWRITE_ID = "org.kde.frameworks", "org.kde.kate", "org.kde.kwrite"
SESSION, CRASH = "org.kde.frameworks/session", "org.kde.frameworks/crash"
USER = this_week(KATE.replace('vendor = "kde"', f'vendor = "kde"\nuses = ["{SESSION}", "{CRASH}"]'))
