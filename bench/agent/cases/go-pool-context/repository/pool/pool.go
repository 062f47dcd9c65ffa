// Package pool does the same to many items, some at once.
package pool

import "sync"

// Map calls do for each item, at most workers at once, and returns the first error in the order of the items. All items are tried.
func Map[T any](items []T, workers int, do func(item T) error) error {
	errs := make([]error, len(items))
	indexes := make(chan int)
	var group sync.WaitGroup
	for i := 0; i < workers; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for index := range indexes {
				errs[index] = do(items[index])
			}
		}()
	}
	for index := range items {
		indexes <- index
	}
	close(indexes)
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
