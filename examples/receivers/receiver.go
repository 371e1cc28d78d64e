// A receiver in Go: go get github.com/standard-webhooks/standard-webhooks/libraries
// Run: WEBHOOK_SECRET=whsec_... go run receiver.go
package main

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"sync"

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
	calls = map[string]event{}
)

func take(e event) {
	mutex.Lock()
	defer mutex.Unlock()
	if seen[e.ID] { // at least once means sometimes twice
		return
	}
	seen[e.ID] = true
	// Each event carries the whole call: one that comes late says nothing new.
	if e.Sequence > calls[e.Data.Call.ID].Sequence {
		calls[e.Data.Call.ID] = e
	}
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
	http.HandleFunc("/", receive)
	log.Fatal(http.ListenAndServe("127.0.0.1:3000", nil))
}
