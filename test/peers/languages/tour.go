// The tour of go-redis: tour PORT PROTOCOL; exit code 0 when everything was as it should be.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

var ctx = context.Background()

func equal(found, expected any) {
	if !reflect.DeepEqual(found, expected) {
		panic(fmt.Sprintf("%#v is not %#v", found, expected))
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	protocol, _ := strconv.Atoi(os.Args[2])
	c := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + os.Args[1], Protocol: protocol})
	defer c.Close()
	values(c)
	transactions(c)
	blocking(c)
	messages(c)
	fmt.Println("go-redis RESP", protocol, "ok")
}

func values(c *redis.Client) {
	equal(c.Ping(ctx).Val(), "PONG")
	must(c.Set(ctx, "{t}s", "v\x00\r\n", time.Minute).Err())
	equal(c.Get(ctx, "{t}s").Val(), "v\x00\r\n")
	equal(errors.Is(c.Get(ctx, "none").Err(), redis.Nil), true)
	must(c.MSet(ctx, "a", 1, "b", 2, "c", 3).Err())
	equal(c.MGet(ctx, "a", "b", "nothing", "c").Val(), []any{"1", "2", nil, "3"})
	equal(c.Del(ctx, "a", "b", "c").Val(), int64(3))
	must(c.HSet(ctx, "h", "a", 1, "b", 2).Err())
	equal(c.HGetAll(ctx, "h").Val(), map[string]string{"a": "1", "b": "2"})
	must(c.ZAdd(ctx, "z", redis.Z{Score: 2.5, Member: "two"}).Err())
	equal(c.ZScore(ctx, "z", "two").Val(), 2.5)
	script := redis.NewScript("return redis.call('INCRBY', KEYS[1], ARGV[1])")
	equal(script.Run(ctx, c, []string{"{t}n"}, 41).Val(), int64(41))
	equal(script.Run(ctx, c, []string{"{t}n"}, 1).Val(), int64(42))
	pipe := c.Pipeline()
	for i := 0; i < 200; i++ {
		pipe.Set(ctx, fmt.Sprintf("p%d", i), i, 0)
	}
	_, err := pipe.Exec(ctx)
	must(err)
	found := map[string]bool{}
	scan := c.Scan(ctx, 0, "p*", 37).Iterator()
	for scan.Next(ctx) {
		found[scan.Val()] = true
	}
	must(scan.Err())
	equal(len(found), 200)
}

func transactions(c *redis.Client) {
	replies, err := c.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.Set(ctx, "{t}c", 5, 0)
		pipe.Incr(ctx, "{t}c")
		return nil
	})
	must(err)
	equal(len(replies), 2)
	var group sync.WaitGroup
	for w := 0; w < 5; w++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := 0; i < 20; {
				err := c.Watch(ctx, func(tx *redis.Tx) error {
					n, _ := tx.Get(ctx, "{t}counter").Int()
					_, err := tx.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
						pipe.Set(ctx, "{t}counter", n+1, 0)
						return nil
					})
					return err
				}, "{t}counter")
				if err == nil {
					i++
				} else if !errors.Is(err, redis.TxFailedErr) {
					panic(err)
				}
			}
		}()
	}
	group.Wait()
	equal(c.Get(ctx, "{t}counter").Val(), "100")
}

func blocking(c *redis.Client) {
	equal(errors.Is(c.BLPop(ctx, time.Second, "none").Err(), redis.Nil), true)
	time.AfterFunc(100*time.Millisecond, func() { c.RPush(ctx, "queue", "job") })
	equal(c.BLPop(ctx, 5*time.Second, "queue").Val(), []string{"queue", "job"})
	must(c.XAdd(ctx, &redis.XAddArgs{Stream: "stream", Values: []string{"f", "v"}}).Err())
	streams := c.XRead(ctx, &redis.XReadArgs{Streams: []string{"stream", "0"}, Block: time.Second}).Val()
	equal(len(streams), 1)
}

func messages(c *redis.Client) {
	pubsub := c.Subscribe(ctx, "news")
	defer pubsub.Close()
	_, err := pubsub.Receive(ctx)
	must(err)
	must(c.Publish(ctx, "news", "hello").Err())
	select {
	case message := <-pubsub.Channel():
		equal(message.Payload, "hello")
	case <-time.After(5 * time.Second):
		panic("no message")
	}
}
