"""Shared sources, as a vendor installs them, and an application that pushes into them."""

from harness import ENDS, KATE, STARTS

SHARED = f"""\
schema = 1
[application]
id = "org.kde.frameworks"
name = "KDE Frameworks"
summary = "Libraries"
vendor = "kde"
contact = "https://kde.org/privacypolicy-apps"
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
[[question]]
id = "programs"
purpose = "How many of our programs does one person use?"
decision = "Whether they share one set of settings"
category = "usage"
detail = "basic"
sources = ["session"]
period = "week"
starts = {STARTS}
ends = {ENDS}
draw = "first"
[[question]]
id = "crashes"
purpose = "How often do our programs crash?"
decision = "Whether the next release is delayed"
category = "usage"
detail = "basic"
sources = ["crash"]
period = "week"
starts = {STARTS}
ends = {ENDS}
draw = "first"
"""
FRAMEWORKS, KATE_ID, KWRITE_ID = "org.kde.frameworks", "org.kde.kate", "org.kde.kwrite"
SESSION, CRASH = "org.kde.frameworks/session", "org.kde.frameworks/crash"
USER = KATE.replace('vendor = "kde"', f'vendor = "kde"\nuses = ["{SESSION}", "{CRASH}"]')
