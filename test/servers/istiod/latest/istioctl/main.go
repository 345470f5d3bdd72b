// Command istioctl is stock istioctl, built from the Go module proxy: its verdict on manifests is the oracle of our validator.
package main

import (
	"os"

	"istio.io/istio/istioctl/cmd"
)

func main() {
	if err := cmd.GetRootCmd(os.Args[1:]).Execute(); err != nil {
		os.Exit(cmd.GetExitCode(err))
	}
}
