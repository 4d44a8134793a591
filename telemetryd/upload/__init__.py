"""The program `telemetryd-upload`: sends one report and returns the outcome. Policy: C6, C7.

It is the only part of telemetryd that opens a network socket. It has no access to consents, store or bus. It takes addresses only from
the configuration, and sends only reports of reviewed definitions, and test reports that hold no answer.
"""
