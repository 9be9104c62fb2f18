package main

import (
	"encoding/base64"

	"latchkey/test/clients/go/api"
)

func (p *program) beforeInit() {
	sys := p.active.Sys()
	works("health.uninitialised", func() error {
		health, err := sys.Health()
		if err != nil {
			return err
		}
		return expect("initialised, sealed", []bool{health.Initialized, health.Sealed}, []bool{false, true})
	})
	works("seal-status.uninitialised", func() error {
		status, err := sys.SealStatus()
		if err != nil {
			return err
		}
		return expect("type, initialised, sealed", []any{status.Type, status.Initialized, status.Sealed},
			[]any{"shamir", false, true})
	})
	works("init.status", func() error {
		initialised, err := sys.InitStatus()
		if err != nil {
			return err
		}
		return expect("initialised", initialised, false)
	})
	refused("init.bad-threshold", 400, "threshold cannot be larger than shares", func() error {
		return given(sys.Init(&api.InitRequest{SecretShares: 2, SecretThreshold: 3}))
	})
	works("init.init", func() error {
		answer, err := sys.Init(&api.InitRequest{SecretShares: 3, SecretThreshold: 2})
		if err != nil {
			return err
		}
		p.shares, p.root = answer.KeysB64, answer.RootToken
		note(append(append([]string{p.root}, answer.Keys...), answer.KeysB64...)...)
		return expect("number of shares", len(p.shares), 3)
	})
	refused("init.again", 400, "Vault is already initialized", func() error {
		return given(sys.Init(&api.InitRequest{SecretShares: 1, SecretThreshold: 1}))
	})
	works("health.sealed", func() error {
		health, err := sys.Health()
		if err != nil {
			return err
		}
		return expect("initialised, sealed", []bool{health.Initialized, health.Sealed}, []bool{true, true})
	})
	refused("sealed.read", 503, "Vault is sealed", func() error {
		return given(p.as(p.root).Logical().Read("secret/data/any"))
	})
}

func (p *program) unseal() {
	sys := p.active.Sys()
	works("unseal.progress", func() error {
		status, err := sys.Unseal(p.shares[0])
		if err != nil {
			return err
		}
		return expect("progress, threshold, shares, nonce",
			[]any{status.Progress, status.T, status.N, status.Nonce != ""}, []any{1, 2, 3, true})
	})
	works("unseal.reset", func() error {
		status, err := sys.ResetUnsealProcess()
		if err != nil {
			return err
		}
		return expect("progress", status.Progress, 0)
	})
	refused("unseal.wrong-share", 400, "failed to decrypt keys from storage", func() error {
		if err := given(sys.Unseal(p.shares[0])); err != nil {
			return err
		}
		return given(sys.Unseal(spoilt(p.shares[1])))
	})
	works("unseal.unseal", func() error { return p.open(p.active) })
	works("health.active", func() error {
		err := until("the node to lead", func() bool {
			leader, err := sys.Leader()
			return err == nil && leader.IsSelf
		})
		if err != nil {
			return err
		}
		health, err := sys.Health()
		if err != nil {
			return err
		}
		return expect("initialised, sealed, standby, with a version and a cluster",
			[]bool{health.Initialized, health.Sealed, health.Standby, health.Version != "", health.ClusterID != ""},
			[]bool{true, false, false, true, true})
	})
	p.active.SetToken(p.root)
	p.standby.SetToken(p.root)
	p.second()
}

// second is about the node that follows.
func (p *program) second() {
	works("unseal.standby", func() error {
		err := until("the other node to know of the cluster", func() bool {
			status, err := p.standby.Sys().SealStatus()
			return err == nil && status.Initialized
		})
		if err != nil {
			return err
		}
		return p.open(p.standby)
	})
	works("health.standby", func() error {
		return until("it to say standby", func() bool {
			health, err := p.standby.Sys().Health()
			return err == nil && health.Standby && !health.Sealed
		})
	})
	works("leader.active", func() error {
		leader, err := p.active.Sys().Leader()
		if err != nil {
			return err
		}
		return expect("HA, self, address", []any{leader.HAEnabled, leader.IsSelf, leader.LeaderAddress},
			[]any{true, true, p.active.Address()})
	})
	works("leader.standby", func() error {
		leader, err := p.standby.Sys().Leader()
		if err != nil {
			return err
		}
		return expect("HA, self, address", []any{leader.HAEnabled, leader.IsSelf, leader.LeaderAddress},
			[]any{true, false, p.active.Address()})
	})
	works("standby.request", func() error {
		return until("the standby to pass a request on", func() bool {
			self, err := p.standby.Auth().Token().LookupSelf()
			return err == nil && self.Data["id"] == p.root
		})
	})
	works("ha-status", func() error {
		return until("both nodes to be members", func() bool {
			status, err := p.active.Sys().HAStatus()
			return err == nil && len(status.Nodes) == 2
		})
	})
}

func (p *program) open(client *api.Client) error {
	if err := given(client.Sys().Unseal(p.shares[0])); err != nil {
		return err
	}
	status, err := client.Sys().Unseal(p.shares[2])
	if err != nil {
		return err
	}
	return expect("sealed", status.Sealed, false)
}

// afterwards is what disturbs the other rows: rotation, and the cycle of sealing and unsealing.
func (p *program) afterwards() {
	sys := p.active.Sys()
	works("key-status", func() error {
		status, err := sys.KeyStatus()
		if err != nil {
			return err
		}
		return expect("term", status.Term, 1)
	})
	works("rotate", func() error {
		if err := sys.Rotate(); err != nil {
			return err
		}
		status, err := sys.KeyStatus()
		if err != nil {
			return err
		}
		return expect("term", status.Term, 2)
	})
	works("step-down", func() error {
		if err := sys.StepDown(); err != nil {
			return err
		}
		return until("the other to lead", func() bool {
			leader, err := p.standby.Sys().Leader()
			return err == nil && leader.IsSelf
		})
	})
	works("seal.seal", func() error {
		if err := p.standby.Sys().Seal(); err != nil {
			return err
		}
		status, err := p.standby.Sys().SealStatus()
		if err != nil {
			return err
		}
		return expect("sealed", status.Sealed, true)
	})
	works("seal.take-over", func() error {
		return until("the first to lead again", func() bool {
			leader, err := sys.Leader()
			return err == nil && leader.IsSelf
		})
	})
	works("seal.unseal", func() error { return p.open(p.standby) })
	works("seal.data", func() error {
		return until("the data to be there", func() bool {
			secret, err := p.standby.Logical().Read("kv1/kept")
			return err == nil && secret != nil && secret.Data["message"] == "kept"
		})
	})
}

// spoilt is a share of the right length with one wrong byte.
func spoilt(share string) string {
	bytes, err := base64.StdEncoding.DecodeString(share)
	must(err)
	bytes[3] ^= 0xff
	return base64.StdEncoding.EncodeToString(bytes)
}
