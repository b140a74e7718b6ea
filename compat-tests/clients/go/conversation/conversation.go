// Package conversation speaks with a test in lines of JSON: each request is served by itself, and answered with its id.
package conversation

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
)

// Operation serves requests of one kind; what it returns is the answer's result.
type Operation[Request any] func(Request) (any, error)

type head struct {
	ID int    `json:"id"`
	Op string `json:"op"`
}

type reply struct {
	ID     int    `json:"id"`
	Error  string `json:"error,omitempty"`
	Result any    `json:"result,omitempty"`
}

var output sync.Mutex

// Say writes one line.
func Say(message any) {
	line, err := json.Marshal(message)
	if err != nil {
		panic(err)
	}
	output.Lock()
	defer output.Unlock()
	os.Stdout.Write(append(line, '\n'))
}

// Serve answers requests, each by the operation that its "op" names, until the input ends.
func Serve[Request any](operations map[string]Operation[Request]) {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var of head
		var request Request
		if err := errors.Join(json.Unmarshal(lines.Bytes(), &of), json.Unmarshal(lines.Bytes(), &request)); err != nil {
			panic(err)
		}
		go func() { Say(answer(of, request, operations[of.Op])) }()
	}
}

func answer[Request any](of head, request Request, operation Operation[Request]) reply {
	if operation == nil {
		return reply{ID: of.ID, Error: fmt.Sprintf("no operation %q", of.Op)}
	}
	result, err := operation(request)
	if err != nil {
		return reply{ID: of.ID, Error: err.Error()}
	}
	return reply{ID: of.ID, Result: result}
}
