// Command sizes prints the sizes of files.
package main

import (
	"fmt"
	"os"

	"example.org/pool/pool"
)

func main() {
	err := pool.Map(os.Args[1:], 4, func(path string) error {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		fmt.Println(info.Size(), path)
		return nil
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
