"""The systems that are compared, one module each.

Every module has MODES (names of the ways to run the loop), version(), and a class System:

    System(folder, mode)          opens a store in the empty folder
    save(name, array)             not timed
    loop(name, factor, count)     the timed work, until the changes are where the mode promises
    close()                       after which load() must see all changes
    load(name)                    re-opens, reads, for verification
"""
