import numpy as np

from numpack import NumPack

with NumPack("quickstart.npk", drop_if_exists=True) as npk:
    npk.save({"features": np.ones((1000, 100), np.float32)})  # one commit
    with npk.batch_mode():  # in memory, published by one commit at the end
        for _ in range(100):
            features = npk.load("features")  # the same array each time
            features *= 1.01
            npk.save({"features": features})
    with npk.writable_batch_mode() as wb:  # the stored bytes themselves
        wb.load("features")[0] = 0
    print(npk.load("features")[:2, 0])  # [0.        2.7048109]
