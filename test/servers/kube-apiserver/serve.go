package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

const etcdStartTimeout = 60 * time.Second

// serve runs etcd and the API server until a signal ends the process. DIR keeps their data between runs, the
// credentials (see credentials.go), and a file `ready` as long as the API server has everything that was asked for.
func serve(args []string) error {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	dirFlag := flags.String("dir", "", "folder for data and credentials")
	port := flags.Int("port", 0, "port on 127.0.0.1; 0 takes a free one")
	controllers := flags.Bool("controllers", false, "run controllers, and what passes for a scheduler and a kubelet")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *dirFlag == "" {
		return errors.New("--dir is required")
	}
	dir, err := filepath.Abs(*dirFlag)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	ready := filepath.Join(dir, "ready")
	if err := os.Remove(ready); err != nil && !os.IsNotExist(err) {
		return err
	}
	if *port == 0 {
		if *port, err = freePort(); err != nil {
			return err
		}
	}
	if err := writeCredentials(dir, *port); err != nil {
		return err
	}
	etcd, endpoint, err := startEtcd(dir)
	if err != nil {
		return err
	}
	defer etcd.Close()
	exitOnSignal(etcd, ready)
	go func() {
		if err := whenReady(dir, *controllers); err != nil {
			fmt.Fprintln(os.Stderr, "kube-apiserver:", err)
			os.Exit(1)
		}
		if err := os.WriteFile(ready, nil, 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "kube-apiserver:", err)
			os.Exit(1)
		}
	}()
	command := app.NewAPIServerCommand()
	command.SetArgs(append(apiServerFlags(dir, *port, endpoint), flags.Args()...))
	if code := cli.Run(command); code != 0 {
		return fmt.Errorf("the API server ended with %d", code)
	}
	return nil
}

// startEtcd listens on Unix sockets only: no port to collide with, nothing on the network.
func startEtcd(dir string) (*embed.Etcd, string, error) {
	config := embed.NewConfig()
	config.Dir = filepath.Join(dir, "etcd")
	config.LogLevel = "error"
	// The data is to survive the process, not the machine.
	config.UnsafeNoFsync = true
	client := url.URL{Scheme: "unix", Path: filepath.Join(dir, "etcd.sock")}
	peer := url.URL{Scheme: "unix", Path: filepath.Join(dir, "etcd-peer.sock")}
	for _, socket := range []url.URL{client, peer} {
		// Left by a process that was killed.
		if err := os.Remove(socket.Path); err != nil && !os.IsNotExist(err) {
			return nil, "", err
		}
	}
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	etcd, err := embed.StartEtcd(config)
	if err != nil {
		return nil, "", fmt.Errorf("etcd: %w", err)
	}
	select {
	case <-etcd.Server.ReadyNotify():
		return etcd, client.String(), nil
	case <-time.After(etcdStartTimeout):
		etcd.Close()
		return nil, "", fmt.Errorf("etcd was not ready after %v", etcdStartTimeout)
	}
}

// exitOnSignal ends the process at once: left to itself, the API server waits for open watches for a minute.
func exitOnSignal(etcd *embed.Etcd, ready string) {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-stop
		_ = os.Remove(ready)
		etcd.Close()
		os.Exit(0)
	}()
}

// whenReady waits for the API server, and starts the controllers if they are wanted.
func whenReady(dir string, controllers bool) error {
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(dir, "admin.kubeconfig"))
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 1000, 2000
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	for {
		request := client.Discovery().RESTClient().Get().AbsPath("/readyz")
		if _, err := request.DoRaw(context.Background()); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if controllers {
		return startControllers(client, config)
	}
	return nil
}

func apiServerFlags(dir string, port int, etcd string) []string {
	file := func(name string) string { return filepath.Join(dir, name) }
	return []string{
		"--etcd-servers=" + etcd,
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", port),
		// The default reconciler refuses a loopback address.
		"--endpoint-reconciler-type=none",
		"--tls-cert-file=" + file("server.crt"),
		"--tls-private-key-file=" + file("server.key"),
		"--client-ca-file=" + file("ca.crt"),
		"--token-auth-file=" + file("tokens.csv"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + file("service-accounts.key"),
		"--service-account-signing-key-file=" + file("service-accounts.key"),
		"--service-cluster-ip-range=10.96.0.0/12",
		"--authorization-mode=RBAC",
		"--enable-priority-and-fairness=false",
		"--profiling=false",
	}
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return 0, fmt.Errorf("%v is no TCP address", listener.Addr())
	}
	return address.Port, nil
}
