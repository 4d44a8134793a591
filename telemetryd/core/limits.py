"""Every bound, with its unit and its reason."""

from __future__ import annotations

# Reports: schedule and delivery.
DAY_S = 86_400
WINDOW_MIN_S = 7 * DAY_S
"""Shortest window in which a period's reports leave: a day's reports must not all arrive on the day after."""
MAX_TRIES = 3
"""Tries a report. A server that is down for three days keeps its vendor from one answer, never the user from peace."""
RETRY_GAP_S = DAY_S
"""Least time between two tries of one report, also after a try whose outcome nobody knows."""
RETRY_AFTER_MAX_S = 62 * DAY_S
"""Longest Retry-After that is believed: two windows of a month; a longer one would drop the report, which is what 4xx is for."""
HOUR_S = 3600
"""Running time in which there is exactly one tick."""
RUN_STEP_MAX_S = 600
"""Most running time that one run may add: the timer's interval; what is longer was not running time."""
RUN_GAP_S = 900
"""Longest time between two runs of one session: the timer's interval, its accuracy (1 min) and the longest delivery (90 s), rounded up."""
DAY_OF_USE_GAP_S = 4 * HOUR_S
"""Shortest time without a run that counts as a night: more than a long lunch, less than the sleep of whoever sleeps little."""

# The uploader and the courier.
JOB_LINE_MAX_BYTES = 4096
"""Longest first line of a job: a vendor's name and a URL (2,048 characters at most) in JSON."""
DEFINITION_MAX_BYTES = 256 * 1024
"""Longest canonical text of a definition: a question of the longest manifest, even if JSON had to escape every character twice."""
DELIVERY_MAX_BYTES = 256
"""Longest line in which the uploader says what became of the report."""
JOB_TIMEOUT_S = 10.0
"""For the whole job, which is written in one go by a process of this machine."""
CONNECT_TIMEOUT_S = 20.0
"""Name look-up, TCP and TLS together: two TCP retransmissions (1 s, 2 s) and a slow resolver's second try (5 s)."""
ANSWER_TIMEOUT_S = 20.0
"""Longest silence of a server once connected; it has one kilobyte to store."""
UPLOAD_TIMEOUT_S = 60.0
"""Everything from the look-up to the answer's status; a server that trickles headers ends here."""
RESPONSE_TIMEOUT_S = 5.0
"""A body has a few hundred bytes if it is a relay's; a server's own is read only so that it sees an orderly end."""
RESPONSE_MAX_BYTES = 64 * 1024
"""Most of a response's body that is read: ignored if it is a server's own, opened if it is a relay's."""
RECEIVED_MAX_BYTES = 256 * 1024
"""Most that is taken from a server over one connection, TLS, interim answers and headers included: four times a body's bound, with room for
long chains of certificates. Else one that sends without end was listened to at full speed until a timeout: 23 GB in a minute, measured."""
OHTTP_KEYS_BYTES = 16 * 1024
"""Longest file of a gateway's keys that is read; one key takes 47 bytes, and a rotation has two or three."""
COURIER_TIMEOUT_S = 90.0
"""A whole delivery as the daemon sees it: the uploader's own timeouts (75 s) and its start on a slow disk."""
JOB_MAX_S = 300
"""A try that began less than so long ago may be under way in another process: the longest delivery, several times over."""
UPLOADER_EXIT_S = 2.0
"""How long an uploader that has answered may take to end before it is killed."""

# Declarations.
TOML_DEPTH = 4
"""Most parts of a key, and most lists and tables in each other: `question.expected.startup."<500"` is as deep as anything that we read.
With 49 parts in a header and in each key, 64 KiB took a parser 0.6 s; with four any text takes a tenth of that."""
TOML_PIECES = 5000
"""Most keys, values and tables in each 64 KiB of a TOML text, as their signs are counted; each takes a parser 2 to 9 µs. A manifest of a
hundred sources, a hundred questions and 1,400 texts in other languages, which fill it, has 3,600."""
MANIFEST_BYTES = 64 * 1024
"""Longest text of a manifest: a hundred questions in ten languages; at 10 MB the parser alone would hold the daemon for seconds."""

TABLES_MAX = 120
"""Most tables of a kind in a manifest that are looked at: some more than may be registered, so that who has too many is told so. 64 KiB
hold 2,500 of them."""
SOURCES_MAX = 100
"""Sources an application: KDE's largest uses twelve today; each costs a few hundred bytes while it is pushed to."""
QUESTIONS_MAX = 100
"""Questions an application: more than anyone would read before accepting them."""
APPLICATIONS_MAX = 2000
"""Applications that registered by themselves; the one used least recently makes room. A desktop has some 200; their texts are all that is
kept without consent (128 MB)."""
SAMPLES_MAX = 10_000
"""Samples a call: 80 KB of doubles, folded in 2 ms; who has more sends another call."""
OPEN_QUESTIONS_MAX = 500
"""Questions accepted and not over: a look at all of them takes some 5 ms, and budgets end far below (eight a year with one vendor)."""
DECOYS_MAX = 20_000
"""Decoy tallies kept at once (some 500 bytes each): a thousand applications with ten questions, and as many again in shared sources."""

SETTLE_S = 5.0
"""From a commit of samples to the sync of its log, which is what a power cut may take: little to miss, and rare enough for a disk."""

# Files of the system.
CONFIG_BYTES = 256 * 1024
"""Longest configuration or review file that is read: some 900 reviews, which take 0.1 s to parse."""
KCONFIG_BYTES = 64 * 1024
"""Longest KUserFeedback file that is read; as written by its settings page it has a few dozen bytes."""
FACT_BYTES = 64 * 1024
"""Most that is read of a file under /proc or of os-release; /proc/meminfo has 1.5 KB."""
FACT_S = 1.0
"""Longest wait for the program that detects virtual machines; it takes some 5 ms."""

# The connections to the bus.
BUS_TIMEOUT_S = 10.0
"""Longest wait for the bus or for a peer's reply; the bus answers within a millisecond, on a thrashing machine within seconds."""
LOOK_TIMEOUT_S = 2.0
"""Longest wait for a look at a caller's process, which takes 0.1 ms; its file system may be its own, and never answer."""
LOOKS_MAX = 8
"""Looks at once at processes in other namespaces, stuck ones counted: a login starts a few Flatpaks in the same moment, each for 0.2 ms."""
BUS_RETRY_S = 0.02
"""Pause before the next try to connect while the bus's queue of new connections (30 places) is full."""
MESSAGE_MAX_BYTES = 1024 * 1024
"""Longest message that is taken; the longest that makes sense is a manifest (64 KiB) or 10,000 samples (80 KB)."""
REPLY_MAX_BYTES = 1024 * 1024
"""Longest reply that is made: some 250 questions or 600 reports, which take dbus-next 40 ms to marshal, and the loop with it."""
MESSAGE_WEIGHED_BYTES = 16 * 1024
"""Messages above this are held until they are whole and their values are counted; below, there is room for 4,000 values."""
MESSAGE_MAX_VALUES = 24_000
"""Most values in a message, where a text counts twice and a variant three times: 10,000 texts as samples of a hundred sources. dbus-next
takes 40 ms to read so many, and a second for what a megabyte can hold."""
RECEIVE_BUDGET_BYTES = 32 * 1024
"""Most that is read in one batch: some 200 small calls, handled in 2 to 20 ms, after which everyone gets the replies."""
TURN_S = 0.005
"""A sender's share of the time while others wait: 200 pushes; the wait of everyone else is that, and the last of its calls."""
TOGETHER_MAX, SHORT_BYTES = 32, 4096
"""Most calls of one sender that go to the library together, and their length: each by itself costs dbus-next a sixth more."""
CROWDED_S = 1.0
"""How long messages are sorted by sender after the last turn that took longer than a share: a flood pauses between its waves."""
RECEIVE_CROWDED_BYTES = 1024 * 1024
"""Most that is received before the next turn while messages are sorted: fifteen of the longest texts, or 6,000 small calls."""
STREAM_BYTES = 64 * 1024
"""So much at once says that the bus has more for us, which it gives us only as we take it (208 KiB at a time)."""
STREAM_PAUSE_S, STREAM_PAUSES = 0.0005, 8
"""Then the next turn waits so long for more, and at most so many times: a turn of 20 ms lets 200 kB in, and a pause as much."""
REFUSING_PAUSES = 5
"""So many times as often if calls are refused: they cost nothing more than being received, and others' are behind them."""
LONG_CALL_S = 0.001
"""What a call takes that is long: a push takes a fiftieth of that, a text of a hundred questions twenty times as much."""
QUEUED_CALLER_BYTES = 6 * 1024 * 1024
"""Most that one sender may have waiting to be handled: a hundred of the longest texts, or 20,000 pushes."""
QUEUED_MAX_BYTES = 8 * 1024 * 1024
"""Most that waits in all on one connection; then it is not read."""
UNSENT_HIGH_BYTES = 256 * 1024
"""Unsent output above which nothing more is read: about the size of the socket's own buffer (208 KiB)."""
UNSENT_LOW_BYTES = 64 * 1024
"""Unsent output below which reading goes on: far enough from the bound above that the two do not alternate for every batch."""
REPLY_TEMPLATES = 1024
"""Callers whose empty reply is kept prepared (100 bytes each); a desktop has some 100 connections."""

# The daemon's start and exit.
LOCK_POLL_S = 0.05
"""How often a start looks whether the daemon that holds the lock owns both names, or has left."""
BUSY_AFTER_S = 10.0
"""After so long the lock's holder serves another session bus of this user: callers are told, and the lock is tried so often."""
ROW_POLL_S = 0.5
"""How often a delivery by the timer looks whether its report was erased meanwhile: nothing wakes it when another process does that."""
OUTCOME_WAIT_S = 10.0
"""How long a delivery by the timer tries to write its outcome down while others write; after that the report is sent again a day later."""
HELD_MAX_S = 5.0
"""How long samples wait for another process that writes to the file: a backup takes less, and a caller's own patience is 25 s."""
HELD_STEP_S = 0.01
"""How often it is looked whether it has ended."""
LEAVE_STEP_S = 5.0
"""The longest that each step of leaving may take."""
