package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"time"
)

// program and member have the fields of ProgramArguments and Member in compat-tests/soak-eos/pipeline.ts.
type program struct {
	Bootstrap string   `json:"bootstrap"`
	Journal   string   `json:"journal"`
	Members   []member `json:"members"`
}

type member struct {
	Role                 string  `json:"role"`
	Process              int     `json:"process"`
	Name                 string  `json:"name"`
	TransactionalID      string  `json:"transactionalId"`
	TransactionTimeoutMs int     `json:"transactionTimeoutMs"`
	InputTopic           string  `json:"inputTopic"`
	Partitions           int     `json:"partitions"`
	Seed                 int64   `json:"seed"`
	MostRecords          int     `json:"mostRecords"`
	AbortOneIn           int     `json:"abortOneIn"`
	PauseMs              int     `json:"pauseMs"`
	Keys                 int     `json:"keys"`
	OutputTopic          string  `json:"outputTopic"`
	GroupID              string  `json:"groupId"`
	GroupProtocol        string  `json:"groupProtocol"`
	SessionTimeoutMs     int     `json:"sessionTimeoutMs"`
	Sabotage             *string `json:"sabotage"`
}

type ending int

const (
	lost ending = iota // nobody knows, or it did not come to its end
	committed
	aborted // on purpose
	refused // the commit was given up and the transaction aborted
)

var progress = map[ending]string{lost: "lost", committed: "committed", aborted: "aborted", refused: "lost"}

// record is one on its way, with the partition that both topics have in common.
type record struct {
	key, value string
	partition  int32
}

// input is a record of a copier's poll.
type input struct {
	partition int32
	offset    int64
	value     string
}

// account is one member's, of its transactions.
type account struct {
	member
	random       *rand.Rand
	journal      *os.File
	transactions int
	values       int
	hasMoved     atomic.Bool // partitions were given since the last poll
}

func (m member) account(journal *os.File) *account {
	if m.Sabotage != nil {
		panic("no sabotage here")
	}
	return &account{member: m, random: rand.New(rand.NewPCG(uint64(m.Seed), 0)), journal: journal}
}

// writeLine is one write(2): what came before is not torn by a kill.
func writeLine(file *os.File, message any) {
	line, err := json.Marshal(message)
	if err != nil {
		panic(err)
	}
	if _, err := file.Write(append(line, '\n')); err != nil {
		panic(err)
	}
}

// nowMs is of a clock that all clients share.
func nowMs() float64 { return float64(time.Now().UnixMicro()) / 1000 }

func (a *account) subscribed() { a.chose("subscribe") }

// wentBack is noted when the client reads again from the committed offsets.
func (a *account) wentBack() { a.chose("assign") }

func (a *account) chose(kind string) {
	writeLine(a.journal, map[string]any{"kind": kind, "process": a.Process, "outcome": "ok"})
}

func (a *account) initialized(startMs float64) {
	writeLine(a.journal, map[string]any{
		"kind": "init", "process": a.Process, "outcome": "ok", "transactionalId": a.TransactionalID, "startMs": startMs, "endMs": nowMs(),
	})
}

func (a *account) topicToWrite() string {
	if a.Role == "feeder" {
		return a.InputTopic
	}
	return a.OutputTopic
}

func (a *account) nextRecords() []record {
	records := make([]record, 1+a.random.IntN(a.MostRecords))
	for i := range records {
		key := a.random.IntN(a.Keys)
		records[i] = record{fmt.Sprintf("k%d", key), fmt.Sprintf("%d-%d", a.Process, a.values), int32(key % a.Partitions)}
		a.values++
	}
	return records
}

type transaction struct {
	*account
	id            string
	isToBeAborted bool
	startMs       float64
	noted         map[string]any
}

func (a *account) begin() *transaction {
	id := fmt.Sprintf("%d.%d", a.Process, a.transactions)
	a.transactions++
	return &transaction{account: a, id: id, isToBeAborted: a.AbortOneIn > 0 && a.random.IntN(a.AbortOneIn) == 0, startMs: nowMs()}
}

// sent notes that all is on its way and the end comes next. inputs holds one for each record of a copier, none of a feeder.
func (t *transaction) sent(records []record, inputs []input) {
	polled, positions := map[string][]any{}, map[string]int64{}
	var micro []any
	if inputs != nil {
		micro = append(micro, map[string]any{"kind": "poll", "records": polled})
	}
	for i, each := range records {
		send := map[string]any{"kind": "send", "key": fmt.Sprintf("%s-%d", t.topicToWrite(), each.partition), "offset": nil, "value": each.value}
		if inputs != nil {
			key := fmt.Sprintf("%s-%d", t.InputTopic, inputs[i].partition)
			polled[key] = append(polled[key], []any{inputs[i].offset, inputs[i].value})
			positions[key] = inputs[i].offset + 1
			send["from"] = []any{key, inputs[i].offset}
		}
		micro = append(micro, send)
	}
	t.noted = map[string]any{
		"kind": "txn", "id": t.id, "process": t.Process, "outcome": "info", "transactionalId": t.TransactionalID,
		"startMs": t.startMs, "commitMs": nowMs(), "micro": micro,
	}
	if inputs != nil {
		t.noted["offsets"] = map[string]any{t.GroupID: positions}
	}
	writeLine(t.journal, t.noted)
}

func (t *transaction) outcome(how ending) string {
	switch {
	case how == committed:
		return "ok"
	case how == refused || t.isToBeAborted:
		return "fail"
	default:
		return "info"
	}
}

func (t *transaction) ended(how ending, records int) {
	if t.noted != nil {
		t.noted["outcome"], t.noted["endMs"] = t.outcome(how), nowMs()
		writeLine(t.journal, t.noted)
	}
	writeLine(os.Stdout, map[string]any{"member": t.Name, "ended": progress[how], "records": records})
}
