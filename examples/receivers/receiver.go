// A receiver in Go, 1.21 or later: go get github.com/standard-webhooks/standard-webhooks/libraries
// Run: WEBHOOK_SECRET=whsec_... PORT=3000 go run receiver.go
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

type event struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Sequence int    `json:"sequence"` // 0: nothing of a call
	Data     struct {
		Call struct {
			ID          string  `json:"id"`
			Disposition *string `json:"disposition"`
		} `json:"call"`
	} `json:"data"`
}

var (
	mutex   sync.Mutex
	secrets []*standardwebhooks.Webhook
	// Your database in the place of these two. Keep ids for as long as we retry: three days and a bit.
	seen  = map[string]bool{}
	calls = map[string]known{}
)

type known struct {
	Sequence int    `json:"sequence"`
	State    string `json:"state"`
}

func take(e event) {
	mutex.Lock()
	defer mutex.Unlock()
	if seen[e.ID] { // at least once means sometimes twice
		return
	}
	fmt.Println(e.Type)
	if e.Sequence > 0 { // trunk.down, capacity.high ...: nothing of a call
		update(e)
	}
	seen[e.ID] = true // last, or in one transaction: what fails before this comes again
}

func update(e event) {
	// Each event carries the whole call: one that comes late says nothing new.
	if e.Sequence <= calls[e.Data.Call.ID].Sequence {
		return
	}
	state := "in progress"
	if e.Data.Call.Disposition != nil {
		state = *e.Data.Call.Disposition
	}
	calls[e.Data.Call.ID] = known{e.Sequence, state}
}

func receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		http.Error(w, "unreadable", http.StatusBadRequest)
		return
	}
	for _, secret := range secrets {
		if secret.Verify(body, r.Header) != nil {
			continue
		}
		var e event
		if json.Unmarshal(body, &e) != nil {
			http.Error(w, "no event", http.StatusBadRequest)
			return
		}
		take(e) // answer within 15 s: what takes longer belongs into a queue of yours
		w.WriteHeader(http.StatusNoContent)
		return
	}
	http.Error(w, "wrong signature", http.StatusUnauthorized)
}

func main() {
	// While a secret is being replaced, accept both: WEBHOOK_SECRET="whsec_new whsec_old".
	for _, text := range strings.Fields(os.Getenv("WEBHOOK_SECRET")) {
		secret, err := standardwebhooks.NewWebhook(text)
		if err != nil {
			log.Fatal(err)
		}
		secrets = append(secrets, secret)
	}
	if len(secrets) == 0 {
		log.Fatal("WEBHOOK_SECRET is not set")
	}
	port := os.Getenv("PORT")
	if port == "" {
		port = "3000"
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on {\"port\": %d}\n", listener.Addr().(*net.TCPAddr).Port)
	go func() {
		log.Fatal(http.Serve(listener, http.HandlerFunc(receive)))
	}()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
	<-stop
	mutex.Lock()
	json.NewEncoder(os.Stdout).Encode(calls)
}
