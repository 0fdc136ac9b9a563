// Locks a prefix with Go's concurrency.Mutex, runs a command, and unlocks.
//
//	go_mutex TTL PREFIX COMMAND...
package main

import (
	"context"
	"log"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"go.etcd.io/etcd/clientv3"
	"go.etcd.io/etcd/clientv3/concurrency"
)

func main() {
	ttl, err := strconv.Atoi(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	client, err := clientv3.New(clientv3.Config{
		Endpoints: strings.Split(os.Getenv("ETCDCTL_ENDPOINTS"), ","),
	})
	if err != nil {
		log.Fatal(err)
	}
	session, err := concurrency.NewSession(client, concurrency.WithTTL(ttl))
	if err != nil {
		log.Fatal(err)
	}
	mutex := concurrency.NewMutex(session, os.Args[2])
	if err := mutex.Lock(context.Background()); err != nil {
		log.Fatal(err)
	}
	command := exec.Command(os.Args[3], os.Args[4:]...)
	failed := command.Run()
	// The session stays: its lease, alive, shows that the key was deleted on purpose.
	if err := mutex.Unlock(context.Background()); err != nil {
		log.Fatal(err)
	}
	if failed != nil {
		log.Fatal(failed)
	}
}
