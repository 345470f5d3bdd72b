// Command kube-apiserver is a Kubernetes control plane in one process, for tests on loopback: etcd, the API server,
// the controllers that make pods and EndpointSlices of a Deployment and a Service, and kubectl.
//
//	kube-apiserver serve --dir DIR [--port N] [--controllers] [-- further flags of the API server]
//	kube-apiserver kubectl ARGS...
package main

import (
	"fmt"
	"os"
	_ "time/tzdata"

	_ "k8s.io/client-go/plugin/pkg/client/auth"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
)

func main() {
	if len(os.Args) < 2 {
		usage()
	}
	command, args := os.Args[1], os.Args[2:]
	// kubectl reads os.Args itself.
	os.Args = os.Args[1:]
	switch command {
	case "serve":
		if err := serve(args); err != nil {
			fmt.Fprintln(os.Stderr, "kube-apiserver:", err)
			os.Exit(1)
		}
	case "kubectl":
		if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
			util.CheckErr(err)
		}
	default:
		usage()
	}
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: kube-apiserver serve --dir DIR [--port N] [--controllers] [-- FLAGS] | kubectl ARGS")
	os.Exit(2)
}
