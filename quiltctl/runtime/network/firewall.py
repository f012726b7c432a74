def ensure(paths, endpoints):
    pass


def admit(paths, e):
    pass


def withdraw(paths, es):
    pass
