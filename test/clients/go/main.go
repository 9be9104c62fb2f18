// Drives two fresh nodes of one cluster with the official Go client, row by row, and prints what came of each row as a
// line of JSON: {"row": "kv2.put", "outcome": "works"}. The rows are those of ../rows.ts.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"latchkey/test/clients/go/api"
)

const patience = 20 * time.Second

// program is what the rows share: the two nodes, and what init gave.
type program struct {
	active  *api.Client
	standby *api.Client
	folder  string
	shares  []string
	root    string
}

type line struct {
	Row     string `json:"row"`
	Outcome string `json:"outcome"`
	Why     string `json:"why,omitempty"`
}

func main() {
	p := &program{
		active:  connect(os.Getenv("CLIENT_ACTIVE")),
		standby: connect(os.Getenv("CLIENT_STANDBY")),
		folder:  os.Getenv("CLIENT_FOLDER"),
	}
	p.beforeInit()
	p.unseal()
	p.mounts()
	p.kv1()
	p.kv2()
	p.policies()
	p.tokens()
	p.tokenEnds()
	p.wrapping()
	p.approle()
	p.userpass()
	p.audit()
	p.errors()
	p.afterwards()
}

func connect(address string) *api.Client {
	config := api.DefaultConfig()
	config.Address = address
	must(config.ConfigureTLS(&api.TLSConfig{CACert: os.Getenv("CLIENT_CACERT")}))
	client, err := api.NewClient(config)
	must(err)
	// A refusal with 5xx is looked for here, and the client would ask again three times.
	client.SetMaxRetries(0)
	return client
}

// as is a client of the active node with another token.
func (p *program) as(token string) *api.Client {
	client, err := p.active.Clone()
	must(err)
	client.SetToken(token)
	return client
}

// note keeps secrets out of every output: the caller of this program looks for them afterwards.
func note(secrets ...string) {
	file, err := os.OpenFile(os.Getenv("CLIENT_SECRETS"), os.O_APPEND|os.O_WRONLY, 0o600)
	must(err)
	defer file.Close()
	_, err = fmt.Fprintln(file, strings.Join(secrets, "\n"))
	must(err)
}

// works is a row that must succeed.
func works(row string, act func() error) {
	report(row, "works", attempt(act))
}

// refused is a row whose request must be refused with this status and these words.
func refused(row string, status int, words string, act func() error) {
	err := attempt(act)
	var response *api.ResponseError
	switch {
	case err == nil:
		err = errors.New("it was not refused")
	case !errors.As(err, &response):
		err = fmt.Errorf("it failed otherwise: %w", err)
	case response.StatusCode != status || !strings.Contains(strings.Join(response.Errors, "; "), words):
		err = fmt.Errorf("refused with %d %q, not with %d %q", response.StatusCode, response.Errors, status, words)
	default:
		err = nil
	}
	report(row, "refused", err)
}

func report(row, outcome string, err error) {
	told := line{Row: row, Outcome: outcome}
	if err != nil {
		told.Outcome, told.Why = "failed", err.Error()
	}
	must(json.NewEncoder(os.Stdout).Encode(told))
}

// attempt turns a panic into an error: a row that fails leaves nil where a later row expects a secret.
func attempt(act func() error) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("%v", fault)
		}
	}()
	return act()
}

// until asks until it is so.
func until(what string, look func() bool) error {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if look() {
			return nil
		}
	}
	return fmt.Errorf("waited %v in vain for %s", patience, what)
}

// expect compares by what is printed, so that a json.Number is the number it holds.
func expect(what string, got, want any) error {
	if fmt.Sprint(got) != fmt.Sprint(want) {
		return fmt.Errorf("%s is %v, not %v", what, got, want)
	}
	return nil
}

func expectListed(list any, want string) error {
	found := false
	switch entries := list.(type) {
	case []string:
		found = slices.Contains(entries, want)
	case []any:
		found = slices.Contains(entries, any(want))
	}
	if !found {
		return fmt.Errorf("%v is not among %v", want, list)
	}
	return nil
}

// given drops the answer of a call that is only to succeed.
func given[T any](_ T, err error) error { return err }

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}
