// Debian's sarama: a client in Go that asks no broker for its versions and goes by those of its configuration.
package main

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"
	"os/signal"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	"context"

	"github.com/Shopify/sarama"
)

var codecs = map[string]sarama.CompressionCodec{
	"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP,
	"snappy": sarama.CompressionSnappy, "lz4": sarama.CompressionLZ4,
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "sarama_client:", err)
		os.Exit(1)
	}
}

func configuration() *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.V2_1_0_0
	config.ClientID = "sarama"
	config.Producer.Return.Successes = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.Flush.Frequency = 50 * time.Millisecond
	config.Consumer.Return.Errors = true
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Group.Session.Timeout = 6 * time.Second
	config.Consumer.Group.Heartbeat.Interval = 300 * time.Millisecond
	return config
}

func bytesOf(text string) []byte {
	if text == "-" {
		return nil
	}
	data, err := hex.DecodeString(text)
	must(err)
	return data
}

func textOf(data []byte) string {
	if data == nil {
		return "-"
	}
	return hex.EncodeToString(data)
}

// A nil Encoder is a null, which a nil ByteEncoder would not be.
func encoderOf(text string) sarama.Encoder {
	if text == "-" {
		return nil
	}
	return sarama.ByteEncoder(bytesOf(text))
}

func rows() [][]string {
	scanner := bufio.NewScanner(os.Stdin)
	scanner.Buffer(nil, 1<<26)
	var result [][]string
	for scanner.Scan() {
		result = append(result, strings.Split(scanner.Text(), "\t"))
	}
	must(scanner.Err())
	return result
}

func messageOf(row []string) *sarama.ProducerMessage {
	partition, err := strconv.Atoi(row[2])
	must(err)
	milliseconds, err := strconv.ParseInt(row[3], 10, 64)
	must(err)
	message := &sarama.ProducerMessage{
		Topic: row[1], Partition: int32(partition), Key: encoderOf(row[4]), Value: encoderOf(row[5]),
		Timestamp: time.UnixMilli(milliseconds),
	}
	for _, header := range strings.Split(row[6], ",") {
		if name, value, found := strings.Cut(header, ":"); found {
			message.Headers = append(message.Headers,
				sarama.RecordHeader{Key: []byte(name), Value: bytesOf(value)})
		}
	}
	return message
}

func produce(bootstrap string) {
	byCodec := map[string][]*sarama.ProducerMessage{}
	for _, row := range rows() {
		byCodec[row[0]] = append(byCodec[row[0]], messageOf(row))
	}
	for codec, messages := range byCodec {
		config := configuration()
		config.Producer.Compression = codecs[codec]
		producer, err := sarama.NewSyncProducer([]string{bootstrap}, config)
		must(err)
		must(producer.SendMessages(messages))
		must(producer.Close())
	}
}

func printMessage(message *sarama.ConsumerMessage) {
	var headers []string
	for _, header := range message.Headers {
		headers = append(headers, string(header.Key)+":"+textOf(header.Value))
	}
	fmt.Printf("%s\t%d\t%d\t%d\t%s\t%s\t%s\n", message.Topic, message.Partition, message.Offset,
		message.Timestamp.UnixMilli(), textOf(message.Key), textOf(message.Value), strings.Join(headers, ","))
}

func consume(bootstrap string) {
	consumer, err := sarama.NewConsumer([]string{bootstrap}, configuration())
	must(err)
	for _, row := range rows() {
		count, err := strconv.Atoi(row[1])
		must(err)
		part, err := consumer.ConsumePartition(row[0], 0, sarama.OffsetOldest)
		must(err)
		for ; count > 0; count-- {
			select {
			case message := <-part.Messages():
				printMessage(message)
			case err := <-part.Errors():
				must(err)
			}
		}
		must(part.Close())
	}
	must(consumer.Close())
}

// A member of a group, which commits each record.
type member struct{ group sarama.ConsumerGroup }

func (member) Setup(session sarama.ConsumerGroupSession) error {
	var parts []string
	for _, owned := range session.Claims() {
		for _, partition := range owned {
			parts = append(parts, strconv.Itoa(int(partition)))
		}
	}
	fmt.Printf("assigned\t%s\n", strings.Join(parts, ","))
	return nil
}

func (member) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		fmt.Printf("record\t%d\t%d\t%s\n", message.Partition, message.Offset, textOf(message.Value))
		session.MarkMessage(message, "")
	}
	return nil
}

func join(bootstrap, group, topic string) {
	config := configuration()
	config.Consumer.Offsets.CommitInterval = 50 * time.Millisecond
	consumer, err := sarama.NewConsumerGroup([]string{bootstrap}, group, config)
	must(err)
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	background, cancel := context.WithCancel(context.Background())
	go func() {
		<-ended
		cancel()
	}()
	for background.Err() == nil {
		must(consumer.Consume(background, []string{topic}, member{consumer}))
	}
	must(consumer.Close())
}

func idempotent(bootstrap, topic, count string) {
	total, err := strconv.Atoi(count)
	must(err)
	config := configuration()
	config.Net.MaxOpenRequests = 1
	config.Producer.Idempotent = true
	config.Producer.Retry.Max = 50
	config.Producer.Retry.Backoff = 10 * time.Millisecond
	config.Producer.Flush.Frequency = time.Millisecond
	config.Producer.Flush.MaxMessages = 10
	producer, err := sarama.NewSyncProducer([]string{bootstrap}, config)
	must(err)
	var messages []*sarama.ProducerMessage
	for number := 0; number < total; number++ {
		messages = append(messages, &sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(strconv.Itoa(number))})
	}
	must(producer.SendMessages(messages))
	must(producer.Close())
}

// What an administrator is told of a refusal: some errors are a text without a code.
func refusal(err error) string {
	switch one := err.(type) {
	case sarama.KError:
		return fmt.Sprintf("refused %d", int16(one))
	case *sarama.TopicError:
		return fmt.Sprintf("refused %d", int16(one.Err))
	case *sarama.TopicPartitionError:
		return fmt.Sprintf("refused %d", int16(one.Err))
	}
	return "refused ?"
}

func describeConfig(client sarama.ClusterAdmin, topic, name string) (string, error) {
	entries, err := client.DescribeConfig(sarama.ConfigResource{
		Type: sarama.TopicResource, Name: topic, ConfigNames: []string{name}})
	if err != nil {
		return "", err
	}
	return entries[0].Value, nil
}

func groupOffsets(client sarama.ClusterAdmin, group, topic string) (string, error) {
	found, err := client.ListConsumerGroupOffsets(group, map[string][]int32{topic: {0, 1}})
	if err != nil {
		return "", err
	}
	var texts []string
	for _, partition := range []int32{0, 1} {
		texts = append(texts, fmt.Sprintf("%d:%d", partition, found.GetBlock(topic, partition).Offset))
	}
	return strings.Join(texts, ","), nil
}

func groupNames(client sarama.ClusterAdmin) (string, error) {
	found, err := client.ListConsumerGroups()
	var names []string
	for name := range found {
		names = append(names, name)
	}
	sort.Strings(names)
	return strings.Join(names, ","), err
}

func groupState(client sarama.ClusterAdmin, group string) (string, error) {
	found, err := client.DescribeConsumerGroups([]string{group})
	if err != nil {
		return "", err
	}
	return found[0].State, nil
}

func do(client sarama.ClusterAdmin, verb string, fields []string) (string, error) {
	number := func(index int) int64 {
		value, err := strconv.ParseInt(fields[index], 10, 64)
		must(err)
		return value
	}
	switch verb {
	case "create-topic":
		return "", client.CreateTopic(fields[0], &sarama.TopicDetail{
			NumPartitions: int32(number(1)), ReplicationFactor: 1,
			ConfigEntries: map[string]*string{fields[2]: &fields[3]}}, false)
	case "delete-topic":
		return "", client.DeleteTopic(fields[0])
	case "create-partitions":
		return "", client.CreatePartitions(fields[0], int32(number(1)), nil, false)
	case "describe-config":
		return describeConfig(client, fields[0], fields[1])
	case "alter-configs":
		return "", client.AlterConfig(sarama.TopicResource, fields[0], map[string]*string{fields[1]: &fields[2]}, false)
	case "delete-records":
		return "", client.DeleteRecords(fields[0], map[int32]int64{int32(number(1)): number(2)})
	case "list-groups":
		return groupNames(client)
	case "describe-group":
		return groupState(client, fields[0])
	case "group-offsets":
		return groupOffsets(client, fields[0], fields[1])
	}
	return "", fmt.Errorf("no such verb: %s", verb)
}

func administer(bootstrap string) {
	client, err := sarama.NewClusterAdmin([]string{bootstrap}, configuration())
	must(err)
	for _, row := range rows() {
		result, err := do(client, row[0], row[1:])
		if err != nil {
			result = refusal(err)
		}
		fmt.Printf("%s\t%s\n", row[0], result)
	}
	must(client.Close())
}

func main() {
	command, bootstrap := os.Args[1], os.Args[2]
	switch command {
	case "produce":
		produce(bootstrap)
	case "consume":
		consume(bootstrap)
	case "member":
		join(bootstrap, os.Args[3], os.Args[4])
	case "idempotent":
		idempotent(bootstrap, os.Args[3], os.Args[4])
	case "admin":
		administer(bootstrap)
	default:
		fmt.Fprintln(os.Stderr, "usage: sarama_client produce|consume|member|idempotent|admin BOOTSTRAP [...]")
		os.Exit(2)
	}
}
