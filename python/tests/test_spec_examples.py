"""Every example of the batch modes' specification, unchanged but for its set-up.

Each test is named after the heading under which the example stands; its docstring is that heading.
"""

# The examples are kept as they are written there.
# ruff: noqa: B007, F841
# fmt: off

import time

import numpy as np
import pytest

from numpack import BatchModeContext, BatchModeError, NumPack
from numpack.writable_array import WritableBatchMode


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The examples name their stores relative to the current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def store(**arrays):
    """Set-up: saves the arrays into data.npk."""
    with NumPack("data.npk", drop_if_exists=True) as npk:
        npk.save(arrays)


def stored(name):
    with NumPack("data.npk") as npk:
        return npk.load(name)


def floats(*shape):
    return np.random.rand(*shape).astype(np.float32)


def times(array, factor, repeats):
    """`array *= factor`, as often as said."""
    result = array.copy()
    for _ in range(repeats):
        result *= factor
    return result


def test_how_it_works_batch_mode():
    """Batch Mode / How It Works"""
    features = floats(1000, 100)
    store(features=features)
    with NumPack("data.npk") as npk:
        with npk.batch_mode():
            arr = npk.load('features')
            arr *= 2
            npk.save({'features': arr})
            assert npk.load('features') is arr
            with NumPack("data.npk") as other:
                assert (other.load('features') == features).all()  # nothing published yet
        assert (npk.load('features') == features * 2).all()


def test_api_reference_batch_mode():
    """Batch Mode / API Reference"""
    with NumPack("data.npk") as npk:
        assert isinstance(npk.batch_mode(), BatchModeContext)
        assert isinstance(npk.batch_mode(memory_limit=None), BatchModeContext)
        assert npk.batch_mode(100).memory_limit == 100


def test_basic_example_batch_mode():
    """Batch Mode / Basic Example"""
    # Create and save initial data
    with NumPack("data.npk", drop_if_exists=True) as npk:
        npk.save({'features': np.random.rand(1000, 100).astype(np.float32)})

    before = stored('features')
    # Use batch mode for frequent modifications
    with NumPack("data.npk") as npk:
        with npk.batch_mode():
            for i in range(100):
                # Load from cache after first time
                arr = npk.load('features')

                # Modify in memory
                arr *= 1.1

                # Update cache only (no disk I/O)
                npk.save({'features': arr})

            # All changes written to disk here

    assert (stored('features') == times(before, 1.1, 100)).all()


def test_advanced_example_shape_changes():
    """Batch Mode / Advanced Example: Shape Changes"""
    before, metadata_before = floats(1000, 100), np.arange(100)
    store(features=before, metadata=metadata_before)
    with NumPack("data.npk") as npk:
        with npk.batch_mode():
            # Load existing data
            features = npk.load('features')

            # Modify values
            features *= 2.0
            npk.save({'features': features})

            # Append new data (shape change)
            new_data = np.random.rand(100, 100).astype(np.float32)
            npk.append({'features': new_data})  # ✅ Supported

            # Reshape (shape change)
            metadata = npk.load('metadata')
            metadata = metadata.reshape(-1, 10)
            npk.save({'metadata': metadata})  # ✅ Supported

    assert (stored('features') == np.concatenate([before * 2, new_data])).all()
    assert (stored('metadata') == metadata_before.reshape(-1, 10)).all()


def test_memory_management():
    """Batch Mode / Memory Management"""
    before = {f'array_{i}': floats(1000) for i in range(1000)}
    store(**before)
    with NumPack("data.npk") as npk:
        # Set memory limit (in MB)
        with npk.batch_mode(memory_limit=1000):
            # If cache exceeds 1GB, automatically switches to streaming
            for i in range(1000):
                arr = npk.load(f'array_{i}')
                arr *= 2.0
                npk.save({f'array_{i}': arr})
    with NumPack("data.npk") as npk:
        for name, array in before.items():
            assert (npk.load(name) == array * 2).all()


def test_memory_management_beyond_the_limit():
    """Batch Mode / Memory Management (the same with a limit that is exceeded)"""
    before = {f'array_{i}': floats(1000) for i in range(1000)}
    store(**before)
    with NumPack("data.npk") as npk:
        with npk.batch_mode(memory_limit=1) as batch:
            for i in range(1000):
                arr = npk.load(f'array_{i}')
                arr *= 2.0
                npk.save({f'array_{i}': arr})
            assert batch._memory_used <= 1_000_000
    with NumPack("data.npk") as npk:
        for name, array in before.items():
            assert (npk.load(name) == array * 2).all()


def test_performance_example_batch_mode():
    """Batch Mode / Performance Example"""
    # Setup
    with NumPack("benchmark.npk", drop_if_exists=True) as npk:
        npk.save({'data': np.random.rand(10000, 100).astype(np.float32)})
    with NumPack("benchmark.npk") as npk:
        before = npk.load('data')

    # Normal mode
    with NumPack("benchmark.npk") as npk:
        start = time.time()
        for i in range(100):
            arr = npk.load('data')
            arr *= 1.1
            npk.save({'data': arr})
        normal_time = time.time() - start
        print(f"Normal mode: {normal_time:.3f}s")

    # Batch mode
    with NumPack("benchmark.npk") as npk:
        start = time.time()
        with npk.batch_mode():
            for i in range(100):
                arr = npk.load('data')
                arr *= 1.1
                npk.save({'data': arr})
        batch_time = time.time() - start
        print(f"Batch mode: {batch_time:.3f}s")
        print(f"Speedup: {normal_time/batch_time:.1f}x")

    with NumPack("benchmark.npk") as npk:
        assert (npk.load('data') == times(before, 1.1, 200)).all()


def test_how_it_works_writable_batch_mode():
    """Writable Batch Mode / How It Works"""
    features = floats(1000, 100)
    store(features=features)
    with NumPack("data.npk") as npk:
        with npk.writable_batch_mode() as wb:
            arr = wb.load('features')
            arr *= 2
            assert (npk.load('features') == features * 2).all()  # at once, without save
            assert wb.save({'features': arr}) is None
    assert (stored('features') == features * 2).all()


def test_api_reference_writable_batch_mode():
    """Writable Batch Mode / API Reference"""
    with NumPack("data.npk") as npk:
        assert isinstance(npk.writable_batch_mode(), WritableBatchMode)


def test_basic_example_writable_batch_mode():
    """Writable Batch Mode / Basic Example"""
    # Create initial data
    with NumPack("data.npk", drop_if_exists=True) as npk:
        npk.save({'features': np.random.rand(1000, 100).astype(np.float32)})

    before = stored('features')
    # Use writable batch mode
    with NumPack("data.npk") as npk:
        with npk.writable_batch_mode() as wb:
            for i in range(100):
                # Get mmap view (zero-copy)
                arr = wb.load('features')

                # Modify directly on file
                arr *= 1.1

                # save() is optional (no-op)
                wb.save({'features': arr})

            # mmap flushed to disk here

    assert (stored('features') == times(before, 1.1, 100)).all()


def test_zero_copy_verification(capsys):
    """Writable Batch Mode / Zero-Copy Verification"""
    store(features=floats(1000, 100))
    with NumPack("data.npk") as npk:
        with npk.writable_batch_mode() as wb:
            arr = wb.load('features')

            # Verify it's a view (not a copy)
            print(f"OWNDATA: {arr.flags['OWNDATA']}")  # False
            print(f"WRITEABLE: {arr.flags['WRITEABLE']}")  # True

            # Direct modification
            arr[0, 0] = 999.0

            # No need to call save() - already written to file

    assert capsys.readouterr().out == "OWNDATA: False\nWRITEABLE: True\n"
    assert stored('features')[0, 0] == 999.0


def test_large_array_example(monkeypatch):
    """Writable Batch Mode / Large Array Example"""
    # Set-up: the example's 100,000,000 rows need 8 GB of memory to make; here it gets 1,000,000.
    rand = np.random.rand
    monkeypatch.setattr(np.random, "rand", lambda rows, columns: rand(rows // 100, columns))

    # Create large array (e.g., 10GB)
    with NumPack("large.npk", drop_if_exists=True) as npk:
        # This creates the file structure
        large_array = np.random.rand(100000000, 10).astype(np.float32)  # ~4GB
        npk.save({'large_features': large_array})
        del large_array  # Free memory

    with NumPack("large.npk") as npk:
        before = npk.load('large_features')
    # Modify the large array with minimal memory usage
    with NumPack("large.npk") as npk:
        with npk.writable_batch_mode() as wb:
            # Memory usage: ~0 MB (only virtual mapping)
            features = wb.load('large_features')

            # Process in chunks to avoid loading all at once
            chunk_size = 10000
            for i in range(0, len(features), chunk_size):
                # Only this chunk is loaded into physical memory
                features[i:i+chunk_size] *= 2.0

            # OS handles dirty page sync automatically

    with NumPack("large.npk") as npk:
        assert (npk.load('large_features') == before * 2).all()


@pytest.mark.filterwarnings("ignore:overflow")
def test_cache_array_reference():
    """Writable Batch Mode / Cache Array Reference"""
    before = floats(1000, 100)
    store(features=before)
    # ✅ Efficient: Cache reference
    with NumPack("data.npk") as npk:
        with npk.writable_batch_mode() as wb:
            arr = wb.load('features')  # Load once
            for i in range(1000):
                arr *= 1.1  # Reuse cached reference

    # ❌ Inefficient: Load every time
    with NumPack("data.npk") as npk:
        with npk.writable_batch_mode() as wb:
            for i in range(1000):
                arr = wb.load('features')  # Creates new mmap each time
                arr *= 1.1

    assert (stored('features') == times(before, 1.1, 2000)).all()


def test_performance_example_writable_batch_mode():
    """Writable Batch Mode / Performance Example"""
    # Setup
    with NumPack("benchmark.npk", drop_if_exists=True) as npk:
        npk.save({'data': np.random.rand(100000, 100).astype(np.float32)})
    with NumPack("benchmark.npk") as npk:
        before = npk.load('data')

    # Normal mode
    with NumPack("benchmark.npk") as npk:
        start = time.time()
        for i in range(100):
            arr = npk.load('data')
            arr *= 1.1
            npk.save({'data': arr})
        normal_time = time.time() - start
        print(f"Normal mode: {normal_time:.3f}s")

    # Writable batch mode
    with NumPack("benchmark.npk") as npk:
        start = time.time()
        with npk.writable_batch_mode() as wb:
            arr = wb.load('data')  # Load once
            for i in range(100):
                arr *= 1.1
        writable_time = time.time() - start
        print(f"Writable batch mode: {writable_time:.3f}s")
        print(f"Speedup: {normal_time/writable_time:.1f}x")

    with NumPack("benchmark.npk") as npk:
        assert (npk.load('data') == times(before, 1.1, 200)).all()


def test_recommended_1_cache_array_reference():
    """Best Practices / Recommended Patterns / 1. Cache Array Reference"""
    before = floats(1000, 10)
    store(data=before)
    with NumPack("data.npk") as npk:
        with npk.writable_batch_mode() as wb:
            arr = wb.load('data')  # Load once
            for i in range(100):
                arr *= 1.1  # Reuse cached reference
    assert (stored('data') == times(before, 1.1, 100)).all()


def test_recommended_2_batch_operations():
    """Best Practices / Recommended Patterns / 2. Batch Operations"""
    before = {name: floats(100, 10) for name in ['array1', 'array2', 'array3']}
    store(**before)
    with NumPack("data.npk") as npk:
        with npk.batch_mode():
            for name in ['array1', 'array2', 'array3']:
                arr = npk.load(name)
                arr *= 2.0
                npk.save({name: arr})
            # All written in one batch on exit
    for name, array in before.items():
        assert (stored(name) == array * 2).all()


def test_recommended_3_mixed_usage():
    """Best Practices / Recommended Patterns / 3. Mixed Usage"""
    large_before, metadata = floats(10000, 10), np.arange(50)
    store(large_features=large_before, metadata=metadata)
    with NumPack("data.npk") as npk:
        # Large arrays: writable_batch_mode
        with npk.writable_batch_mode() as wb:
            large = wb.load('large_features')
            large *= 2.0

        # Small arrays + shape changes: batch_mode
        with npk.batch_mode():
            small = npk.load('metadata')
            small = small.reshape(-1, 10)
            npk.save({'metadata': small})
    assert (stored('large_features') == large_before * 2).all()
    assert (stored('metadata') == metadata.reshape(-1, 10)).all()


def test_recommended_4_process_large_arrays_in_chunks():
    """Best Practices / Recommended Patterns / 4. Process Large Arrays in Chunks"""
    before = floats(105000, 3)
    store(huge_features=before)
    with NumPack("data.npk") as npk:
        with npk.writable_batch_mode() as wb:
            features = wb.load('huge_features')

            # Process in chunks
            chunk_size = 10000
            for i in range(0, len(features), chunk_size):
                chunk = features[i:i+chunk_size]
                chunk *= 2.0  # Only this chunk in physical memory
    assert (stored('huge_features') == before * 2).all()


def test_mistake_1_changing_shape():
    """Best Practices / Avoid These Mistakes / 1. Changing Shape in writable_batch_mode"""
    before = floats(10, 20)
    store(data=before)
    with NumPack("data.npk") as npk:
        # What the specification marks as wrong is an error that names the right way.
        with pytest.raises(BatchModeError, match="batch_mode"):
            # ❌ Wrong: Creates new array, loses mmap
            with npk.writable_batch_mode() as wb:
                arr = wb.load('data')
                arr = arr.reshape(-1, 10)  # Creates copy
                wb.save({'data': arr})

        # ✅ Correct: Use batch_mode for reshaping
        with npk.batch_mode():
            arr = npk.load('data')
            arr = arr.reshape(-1, 10)
            npk.save({'data': arr})
    assert (stored('data') == before.reshape(-1, 10)).all()


def test_mistake_2_repeated_loading():
    """Best Practices / Avoid These Mistakes / 2. Repeated Loading"""
    before = floats(1000, 10)
    store(data=before)
    with NumPack("data.npk") as npk:
        # ❌ Inefficient: Creates new mmap each time
        with npk.writable_batch_mode() as wb:
            for i in range(100):
                arr = wb.load('data')
                arr *= 1.1

        # ✅ Efficient: Load once
        with npk.writable_batch_mode() as wb:
            arr = wb.load('data')
            for i in range(100):
                arr *= 1.1
    assert (stored('data') == times(before, 1.1, 200)).all()


def test_mistake_3_nested_contexts():
    """Best Practices / Avoid These Mistakes / 3. Nested Contexts"""
    store(data=floats(10))
    with NumPack("data.npk") as npk:
        # Undefined there; an explained error here.
        with pytest.raises(BatchModeError):
            # ❌ Wrong: Nested batch contexts
            with npk.batch_mode():
                with npk.writable_batch_mode() as wb:
                    # Undefined behavior
                    pass

        # ✅ Correct: Separate sequential contexts
        with npk.batch_mode():
            # Process small arrays
            pass

        with npk.writable_batch_mode() as wb:
            # Process large arrays
            pass


@pytest.mark.parametrize("rows", [1000, 300_000])
def test_combining_with_lazy_loading(rows):
    """Advanced Usage / Combining with Lazy Loading (below and above the example's 100 MB)"""
    before = floats(rows, 100)
    store(features=before)
    with NumPack("data.npk") as npk:
        # Lazy load first to check shape
        lazy_arr = npk.load('features', lazy=True)
        print(f"Shape: {lazy_arr.shape}")

        # Then use appropriate batch mode
        if lazy_arr.nbytes > 100_000_000:  # > 100MB
            with npk.writable_batch_mode() as wb:
                arr = wb.load('features')
                arr *= 2.0
        else:
            with npk.batch_mode():
                arr = npk.load('features')
                arr *= 2.0
                npk.save({'features': arr})
    assert (stored('features') == before * 2).all()


def test_error_handling():
    """Advanced Usage / Error Handling"""
    before = floats(100, 10)
    store(data=before)
    with NumPack("data.npk") as npk:
        try:
            with npk.batch_mode():
                arr = npk.load('data')
                arr *= 2.0
                npk.save({'data': arr})
                raise ValueError("Something went wrong")
        except ValueError:
            pass
        # Cache is still flushed properly
        assert (npk.load('data') == before * 2).all()

        try:
            with npk.writable_batch_mode() as wb:
                arr = wb.load('data')
                arr *= 2.0
                raise ValueError("Something went wrong")
        except ValueError:
            pass
        # mmap is still flushed properly
    assert (stored('data') == before * 4).all()


def test_multiple_arrays_batch_mode():
    """Advanced Usage / Multiple Arrays / batch_mode: Multiple Arrays"""
    before = {'features': floats(100, 10), 'labels': np.arange(100), 'weights': floats(100)}
    store(**before)
    with NumPack("data.npk") as npk:
        with npk.batch_mode():
            # All arrays cached in memory
            features = npk.load('features')
            labels = npk.load('labels')
            weights = npk.load('weights')

            features *= 2.0
            labels += 1
            weights *= 0.5

            npk.save({
                'features': features,
                'labels': labels,
                'weights': weights
            })
        # All written in one batch
    assert (stored('features') == before['features'] * 2).all()
    assert (stored('labels') == before['labels'] + 1).all()
    assert (stored('weights') == before['weights'] / 2).all()


def test_multiple_arrays_writable_batch_mode():
    """Advanced Usage / Multiple Arrays / writable_batch_mode: Multiple Arrays"""
    before = {'features': floats(100, 10), 'labels': np.arange(100), 'weights': floats(100)}
    store(**before)
    with NumPack("data.npk") as npk:
        with npk.writable_batch_mode() as wb:
            # Each array is mmap'd
            features = wb.load('features')
            labels = wb.load('labels')
            weights = wb.load('weights')

            # All modifications are direct file writes
            features *= 2.0
            labels += 1
            weights *= 0.5

            # No save needed (optional for API consistency)
    assert (stored('features') == before['features'] * 2).all()
    assert (stored('labels') == before['labels'] + 1).all()
    assert (stored('weights') == before['weights'] / 2).all()


def test_technical_details_batch_mode_implementation():
    """Technical Details / batch_mode Implementation: the names that it uses"""
    store(data=floats(10))
    with NumPack("data.npk") as npk:
        assert npk._cache_enabled is False
        context = npk.batch_mode()
        assert context.__enter__() is context
        assert npk._cache_enabled is True
        arr = npk.load('data')
        assert 'data' in npk._memory_cache
        assert npk._memory_cache['data'] is arr
        assert npk.load('data') is arr
        arr += 1
        npk.save({'data': arr})
        npk._flush_cache()
        assert (npk.load('data') == arr).all()
        context.__exit__(None, None, None)
        assert npk._cache_enabled is False


def test_technical_details_writable_batch_mode_implementation():
    """Technical Details / writable_batch_mode Implementation: key points"""
    store(data=floats(10))
    with NumPack("data.npk") as npk:
        with npk.writable_batch_mode() as wb:
            arr = wb.load('data')
            assert list(wb.writable_arrays) == ['data']
            assert arr.flags['OWNDATA'] is False
            arr += 1
            assert (npk.load('data') == arr).all()
        assert not wb.writable_arrays


def test_faq_q1_why_do_both_return_ndarray():
    """FAQ / Q1"""
    before = floats(10)
    store(data=before)
    with NumPack("data.npk") as npk:
        with npk.batch_mode():
            independent = npk.load('data')
            assert type(independent) is np.ndarray
            independent += 1  # never saved
        with npk.writable_batch_mode() as wb:
            view = wb.load('data')
            assert type(view) is np.ndarray
            assert not view.flags['OWNDATA']
            assert (view == before).all()


def test_faq_q3_both_modes():
    """FAQ / Q3"""
    store(data=floats(10))
    with NumPack("data.npk") as npk:
        # ✅ OK
        with npk.writable_batch_mode() as wb:
            # Process large arrays
            pass

        with npk.batch_mode():
            # Process small arrays
            pass

        with pytest.raises(BatchModeError):
            # ❌ Not recommended
            with npk.batch_mode():
                with npk.writable_batch_mode() as wb:
                    # Undefined behavior
                    pass


def test_faq_q4_numpy_operations():
    """FAQ / Q4"""
    before = floats(10)
    store(data=before)
    with NumPack("data.npk") as npk:
        with npk.writable_batch_mode() as wb:
            arr = wb.load('data')
            arr *= 2.0
            arr += 1.0
            arr[0] = 5.0
            np.sin(arr, out=arr)
            expected = before * 2 + 1
            expected[0] = 5
            np.sin(expected, out=expected)
            new = arr + arr  # a new array, not stored
            assert not np.shares_memory(new, arr)
            with pytest.raises(ValueError):
                arr.resize(20)
    assert (stored('data') == expected).all()
