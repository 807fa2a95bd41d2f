"""The systems that are compared, one module each.

Every module has version() and a class System:

    System(folder, mode)        makes an empty store in the folder, and opens it
    close(), open()             afterwards the store holds all that was promised
    save(name, array)           a whole array, new or over the stored one
    load(name)                  a whole array, in memory of its own
    loop(name, factor, count)   `count` times: load, multiply in place, save; until the changes are
                                where the system's mode promises

and of these what the system offers (the rest does not take part):

    lazy(name)                  an object with a shape that reads later
    stream(name, rows)          blocks of rows, one after another
    gather(name, rows)          the rows with those numbers, in memory of their own
    append(name, rows), replace(name, numbers, rows)
    save_all(arrays), update_all(names, factor), names()     of a dict of many arrays
    clear()                     makes it a new, empty store

WAITS_FOR_DISK says which methods, by mode, return when the disk has the change; all others leave
that to the operating system.
"""
