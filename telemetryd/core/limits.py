"""Every bound, with its unit and its reason."""

from __future__ import annotations

# Reports: schedule and delivery.
DAY_S = 86_400
WINDOW_DELAY_S = 7 * DAY_S
"""Time from a period's end to the window of its reports. A machine that was off at the end of the period is mostly on again by then."""
WINDOW_MIN_S = 28 * DAY_S
"""Shortest window for the reports of a period. In a shorter one the day of arrival would say when a machine was on."""
SECOND_WINDOW_S = 56 * DAY_S
"""Span after the window in which a late report may leave: a machine that is on once a fortnight has four days of use in it."""
SPARING_STEP_S = 3 * DAY_S
"""Span in which a report that waits for a free line gets its next slot. With a longer span, many reports of users whose line is free on
weekends would leave over the metered one. With a shorter span, reports that waited together would leave within hours of each other."""
HOUR_S = 3600
"""Span of running time with exactly one tick."""
RUN_STEP_MAX_S = 600
"""Most running time that one run may add: the interval of the timer. The rest of a longer gap was no running time."""
RUN_GAP_S = 900
"""Longest time between two runs of one session: interval and accuracy (1 min) of the timer, and longest delivery (90 s), rounded up."""
DAY_OF_USE_GAP_S = 4 * HOUR_S
"""Shortest time without a run that counts as a night: longer than a lunch, shorter than a short sleep."""

# What stays on the disk.
HISTORY_S = 366 * DAY_S
"""Time that a report stays in the history after it was made: a year, a leap year too."""
ACCEPTED_TEXT_S = 3 * 366 * DAY_S
"""Longest time for which an accepted text can be needed: a question ends within a year, and its report is sent or dropped months later."""

# The uploader and the courier.
JOB_LINE_MAX_BYTES = 4096
"""Longest first line of a job: a vendor's name and a URL (2,048 characters at most) in JSON."""
DEFINITION_MAX_BYTES = 256 * 1024
"""Longest canonical text of a definition: a question of the longest manifest in which JSON escapes every character twice."""
DELIVERY_MAX_BYTES = 256
"""Longest line with the uploader's outcome."""
JOB_TIMEOUT_S = 10.0
"""Timeout for the whole job, which a process of this machine writes at once."""
CONNECT_TIMEOUT_S = 20.0
"""Name look-up, TCP and TLS together: two TCP retransmissions (1 s, 2 s) and a slow resolver's second try (5 s)."""
ANSWER_TIMEOUT_S = 20.0
"""Longest silence of a connected server, which has to store one kilobyte."""
UPLOAD_TIMEOUT_S = 60.0
"""Everything from the look-up to the status of the answer; bounds a server that trickles headers."""
RESPONSE_TIMEOUT_S = 5.0
"""Timeout for the body: a relay's has a few hundred bytes, and a server's is read only to end the connection in order."""
RESPONSE_MAX_BYTES = 64 * 1024
"""Most bytes read of a response's body. A relay's body is decrypted, a server's is ignored."""
RECEIVED_MAX_BYTES = 256 * 1024
"""Most bytes read from a server over one connection, including TLS, interim answers and headers: four times a body. It has room for long
chains of certificates. Without it, an endless answer was read at full speed until the timeout: 23 GB in a minute, measured."""
CA_FILE_BYTES = 1024 * 1024
"""Longest start of an endpoint's `ca_file` in which the daemon looks for a certificate; Debian's whole bundle has 220 KB."""
OHTTP_KEYS_BYTES = 16 * 1024
"""Longest file of a gateway's keys. A key takes 47 bytes, and a rotation has two or three."""
COURIER_TIMEOUT_S = 90.0
"""Timeout of the daemon for a delivery: the timeouts of the uploader (75 s), and its start on a slow disk."""
IDLE_MARGIN_S = 100.0
"""No delivery begins in the last part of the idle time: it would be broken off by the exit. It takes COURIER_TIMEOUT_S, and an outcome."""
JOB_MAX_S = 300
"""A younger attempt may still run in another process: several times the longest delivery. An older one without an outcome is unknown."""
UPLOADER_EXIT_S = 2.0
"""Time for an uploader to exit after its answer, before it is killed."""

# Declarations.
TOML_DEPTH = 4
"""Most parts of a key, and most levels of nested lists and tables. `question.expected.startup."<500"` is the deepest key that we read.
With 49 parts in a header and in each key, 64 KiB took a parser 0.6 s. With four, any text takes a tenth of that."""
TOML_PIECES = 5000
"""Most keys, values and tables in each 64 KiB of a TOML text, counted by their delimiters; each takes a parser 2 to 9 µs. A full manifest
with a hundred sources, a hundred questions and 1,400 translated texts has 3,600."""
MANIFEST_BYTES = 64 * 1024
"""Longest text of a manifest: a hundred questions in ten languages; at 10 MB the parser alone would hold the daemon for seconds."""

TABLES_MAX = 120
"""Most tables of a kind in a manifest that are checked: above the limits for registration, so that their errors appear. 64 KiB can hold
2,500 tables."""
SOURCES_MAX = 100
"""Most sources of an application. KDE's largest has twelve today; each costs a few hundred bytes while it gets samples."""
QUESTIONS_MAX = 100
"""Most questions of an application: more than anyone would read before accepting them."""
APPLICATIONS_MAX = 2000
"""Most applications that registered themselves; the least recently used one is dropped. A desktop has about 200. Their texts are the only
data stored without consent, at most 128 MB."""
SAMPLES_MAX = 10_000
"""Most samples of a call: 80 KB of doubles, folded in 2 ms. Further samples need another call."""
OPEN_QUESTIONS_MAX = 500
"""Most accepted questions that are not over: all of them are evaluated in 5 ms. Budgets end far below, at eight a year for one vendor."""
DECOYS_MAX = 20_000
"""Decoy tallies kept at once (some 500 bytes each): a thousand applications with ten questions, and as many again in shared sources."""
SHARED_MAX_BYTES = 256 * 1024
"""Most bytes of declared texts and tuples that are kept to be shared: those of ten manifests with ten sources and nothing in common."""

SETTLE_S = 5.0
"""Time from a commit of samples to the sync of its log. A power cut loses at most so much, and the disk is not synced too often."""

# Files of the system.
CONFIG_BYTES = 256 * 1024
"""Longest configuration or review file: about 900 reviews, which take 0.1 s to parse."""
KCONFIG_BYTES = 64 * 1024
"""Longest KUserFeedback file; its settings page writes a few dozen bytes."""
FACT_BYTES = 64 * 1024
"""Most bytes read of a file under /proc or of os-release; /proc/meminfo has 1.5 KB."""
FACT_S = 1.0
"""Longest wait for the program that detects virtual machines; it takes about 5 ms."""

# The connections to the bus.
BUS_TIMEOUT_S = 10.0
"""Longest wait for the bus or for a peer's reply; the bus answers within a millisecond, on a thrashing machine within seconds."""
SETTINGS_PAUSE_S = 10.0
"""From one OpenSettings that opens the window to the next that does: a user who clicks again has waited as long for the first."""
SYSTEM_BUS_TIMEOUT_S = 2.0
"""Longest wait of a tick for the system bus and its services, which answer within milliseconds. Whoever is slower has said nothing."""
LOOK_TIMEOUT_S = 2.0
"""Longest inspection of a caller's process, which takes 0.1 ms. A file system of its own may never answer."""
LOOKS_MAX = 8
"""Most concurrent inspections of processes in other namespaces, stuck ones included. A login starts a few Flatpaks; each takes 0.2 ms."""
BUS_RETRY_S = 0.02
"""Pause before the next try to connect while the bus's queue of new connections (30 places) is full."""
MESSAGE_MAX_BYTES = 1024 * 1024
"""Longest accepted message. The longest useful one is a manifest (64 KiB) or 10,000 samples (80 KB)."""
PAGE_MAX_BYTES = 256 * 1024
"""Longest page of a list: the slower library marshals so much in 10 ms."""
REPLY_MAX_BYTES = 1024 * 1024
"""Longest reply: about 250 questions or 600 reports. dbus-next blocks the loop for 40 ms to marshal it."""
PROBLEMS_MAX_BYTES = 48 * 1024
"""Longest list of problems, beside those that say whose a lock is: more than a hundred. GetAll has it twice, and is to be as short as a
page."""
LIMITS_MAX_BYTES = 24 * 1024
"""Longest list of kill switches, and of locks, beside the strictest lock of each setting: some two hundred."""
PROBLEMS_LOGGED_MAX = 200
"""Most problems of files that a check writes into the journal, which takes 3 ms. The next check goes on."""
MESSAGE_WEIGHED_BYTES = 16 * 1024
"""Longer messages are buffered until they are complete, and their values are counted, but not those of replies.

Shorter ones have at most 4,000 values.
"""
SIGNATURES_MAX = 128
"""Most parsed signatures that a library keeps from one batch to the next. One of 255 characters needs 47 kB; telemetryd uses some forty."""
MESSAGE_MAX_VALUES = 24_000
"""Most values in a message: 10,000 texts as samples of a hundred sources. A text counts as two, a struct as six, an array as twelve, a
variant as twelve and one for each character of its signature. The library dbus-next takes 40 ms to read so many, but a second for as many
as fit a megabyte."""
RECEIVE_BUDGET_BYTES = 32 * 1024
"""Most bytes handled in one batch, but for its last message: about 200 small calls, which take 2 to 20 ms before their replies are sent."""
TURN_S = 0.005
"""A sender's share of the time while others wait: 200 pushes. All others wait that long, plus the last call of the share."""
TOGETHER_MAX, SHORT_BYTES = 32, 4096
"""Most calls of one sender that the library gets together, and their length: alone, each costs dbus-next a sixth more."""
CROWDED_S = 1.0
"""Messages are sorted by sender for so long after a turn that exceeded its share, because a flood comes in waves."""
BEHIND_S = 0.02
"""Messages are sorted too if long batches in a row, for so much processor time, each left STREAM_BYTES unread. Short ones do not count."""
RECEIVE_CROWDED_BYTES = 1024 * 1024
"""Most bytes received before the next turn while messages are sorted: fifteen of the longest texts, or 6,000 small calls."""
STREAM_BYTES = 64 * 1024
"""A read of this size shows that the bus has more data for us, which it sends in pieces of 208 KiB."""
STREAM_PAUSE_S, STREAM_PAUSES = 0.0005, 8
"""The next turn then waits so long for more data, and at most so many times. A turn of 20 ms lets 200 kB in, as does a pause."""
REFUSING_PAUSES = 5
"""Factor for the number of pauses while calls are refused: refusals are cheap, and calls of others are queued behind them."""
REST_S = 0.001
"""Pause between two steps of a user's decision: a waiting call can pass the bus and be answered. A decision has up to eight steps."""
LONG_CALL_S = 0.001
"""Duration from which a call counts as long. A push takes a fiftieth, and a text of a hundred questions twenty times as much."""
QUEUED_CALLER_BYTES = 6 * 1024 * 1024
"""Most queued bytes of one sender: a hundred of the longest texts, or 20,000 pushes."""
QUEUED_CROWDED_BYTES = 7 * 1024 * 1024
"""From so many queued bytes of all on, a sender whose calls take long has a megabyte of them, so that others have room."""
QUEUED_MAX_BYTES = 8 * 1024 * 1024
"""Most queued bytes of one connection; above, it is not read."""
UNSENT_HIGH_BYTES = 256 * 1024
"""Unsent output above which reading stops: about the size of the socket's buffer (208 KiB)."""
UNSENT_LOW_BYTES = 64 * 1024
"""Unsent output below which reading resumes: far enough from the upper bound that they do not alternate with each batch."""
REPLY_TEMPLATES = 1024
"""Most callers whose empty reply is cached (100 bytes each); a desktop has about 100 connections."""

# The daemon's start and exit.
LOCK_POLL_S = 0.05
"""Interval at which a start checks whether the holder of the lock owns both names, or has exited."""
BUSY_AFTER_S = 1.0
"""How long a start waits while a daemon on another session bus of this user serves the directory. Then callers get an error, and the lock
is tried at this interval. A caller that gave up before would start the daemon again and again."""
CLOSINGS_HELD = 8
"""Most periods that a tick closes before it releases the lock for CLOSING_PAUSE_S: what one vendor may ask in a year. They share their
syncs, so they take hardly longer than one, and the disk does not show how many there are."""
CLOSING_PAUSE_S = 0.25
"""For so long the lock is released. A start that waits looks at it several times meanwhile."""
READ_AGAIN_MAX = 16
"""Most manifests that one look at the files reads again after a disk error. A slow disk holds up all callers for each of them."""
REOPEN_S = 10.0
"""Shortest time between two attempts to open files that could not be opened."""
ROW_POLL_S = 0.5
"""Interval at which a delivery by the timer checks whether another process erased its report; no event tells it."""
OUTCOME_WAIT_S = 10.0
"""How long a delivery by the timer tries to store its outcome while others write. If it fails, the outcome is unknown for good."""
HELD_MAX_S = 5.0
"""How long samples wait for another writer of the file: a backup takes less, and a caller's timeout is 25 s."""
HELD_STEP_S = 0.01
"""Interval at which that writer is checked."""
LEAVE_STEP_S = 5.0
"""Longest duration of each step of the exit."""
