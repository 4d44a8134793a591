"""The program `telemetryd-upload`: sends one report and says what became of it. Policy: C6, C7.

The only part of telemetryd that opens a network socket. It knows no consent, store or bus; it takes addresses from the configuration
and sends nothing but reports of reviewed definitions.
"""
