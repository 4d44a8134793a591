"""The documents of `recorded_readings.json`, with all keys of November 2026. They must not change."""

from datetime import date

QUESTION = {
    "id": "q",
    "purpose": "Is it slow?",
    "decision": "What is done",
    "category": "usage",
    "detail": "basic",
    "sources": ["startup", "org.telemetryd.system/memory"],
    "coarser": {"startup": [500]},
    "period": "week",
    "starts": date(2026, 11, 2),
    "ends": date(2027, 6, 27),
    "share": 0.5,
    "epsilon": 1.5,
    "expected_users": 20000,
    "expected": {"startup": {"<500": 0.5, ">=500": 0.5}},
    "purpose[de]": "Ist es langsam?",
}
MANIFEST = {
    "schema": 1,
    "application": {
        "id": "org.kde.kate",
        "name": "Kate",
        "summary": "Text editor",
        "vendor": "kde",
        "contact": "https://kde.org/privacypolicy-apps",
        "kind": "application",
        "uses": ["org.kde.frameworks/crash"],
        "snap": "kate",
        "name[de]": "Käte",
        "summary[pt_BR]": "Editor",
    },
    "source": [
        {"id": "dark", "type": "flag", "description": "Dark", "combine": "any", "description[de]": "Dunkel"},
        {"id": "platform", "type": "choice", "description": "Window system", "combine": "mode", "values": ["x11", "wayland"]},
        {"id": "startup", "type": "number", "description": "Start", "unit": "ms", "combine": "median", "bins": [500, 2000.5]},
        {"id": "files", "type": "count", "description": "Files", "unit": "files", "combine": "sum", "bins": [1.0, 10]},
    ],
    "question": [QUESTION, QUESTION | {"id": "r", "sources": ["dark", "platform", "files"], "coarser": {}, "expected": {}, "epsilon": 2}],
}
CONFIGURATION = {
    "enabled": True,
    "developer": False,
    "idle_exit_minutes": 5,
    "budget_source": 4.0,
    "budget_year": 16.0,
    "budget_epsilon": 0,
    "limits": {"system": 0, "usage": 2, "new_questions": "ask"},
    "endpoint": {
        "kde": {
            "name": "KDE",
            "url": "HTTPS://Telemetry.example.org:443/v1",
            "format": "report",
            "ca_file": "/etc/ssl/certs/kde.pem",
            "results": "https://example.org/results",
            "ohttp_relay": "https://relay.example.net",
            "ohttp_keys": "/etc/keys",
        }
    },
}
REVIEWS = {
    "review": [
        {
            "application": "org.kde.kate",
            "question": "startup",
            "definition": "sha256:" + "9f2c" * 16,
            "reviewers": ["Ada <ada@example.org>", "Bo <bo@example.org>"],
            "record": "https://mail.example.org/review/42",
            "date": date(2026, 11, 20),
        }
    ],
    "stop": [{"application": "org.kde.kate", "question": "startup", "reason": "answered", "date": date(2027, 2, 1), "text": "why"}],
}
