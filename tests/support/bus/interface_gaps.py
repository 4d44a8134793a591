"""Where an interface and what answers it differ."""


def undeclared_or_missing(interface, handlers):
    """One line for each member that only the interface file or only the handlers have."""
    writable = {name for name, declared in interface.properties.items() if declared.is_writable}
    sides = [
        ("method", set(interface.methods), set(handlers.methods)),
        ("property", set(interface.properties), set(handlers.getters)),
        ("setter", writable, set(handlers.setters)),
    ]
    return [line for what, *both in sides for line in _differences(f"{interface.name}: {what}", *both)]


def _differences(what, declared, answered):
    for name in sorted(declared ^ answered):
        yield f"{what} {name} is declared and not answered" if name in declared else f"{what} {name} is answered and not declared"
