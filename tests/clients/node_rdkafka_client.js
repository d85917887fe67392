// node-rdkafka: a librdkafka that is newer than Debian's, under Node.
'use strict'

const rdkafka = require('node-rdkafka')
const lines = require('./lines.js')

const connected = (client) => new Promise((resolve, reject) =>
  client.connect({}, (error) => (error ? reject(error) : resolve())))
const disconnected = (client) => new Promise((resolve) => client.disconnect(resolve))
const common = (bootstrap) => ({ 'bootstrap.servers': bootstrap, 'client.id': 'node-rdkafka' })

async function produce (bootstrap) {
  for (const { topic, codec, records } of lines.topicsToProduce()) {
    const producer = new rdkafka.Producer({
      ...common(bootstrap), 'compression.codec': codec, 'linger.ms': 50, dr_cb: true
    })
    await connected(producer)
    producer.setPollInterval(10)
    let left = records.length
    const delivered = new Promise((resolve, reject) => producer.on('delivery-report', (error) => {
      if (error) reject(error)
      if (--left === 0) resolve()
    }))
    for (const { partition, timestamp, key, value, headers } of records) {
      producer.produce(topic, partition, value, key, timestamp, null,
        headers.map(([name, bytes]) => ({ [name]: bytes })))
    }
    await delivered
    await disconnected(producer)
  }
}

// Headers come as [{name: bytes}].
const pairs = (headers) => (headers ?? []).flatMap((header) => Object.entries(header))

async function consume (bootstrap) {
  const wanted = lines.topicsToConsume()
  let left = [...wanted.values()].reduce((sum, count) => sum + count, 0)
  const consumer = new rdkafka.KafkaConsumer(
    { ...common(bootstrap), 'group.id': 'unused', 'enable.auto.commit': false }, { 'auto.offset.reset': 'earliest' })
  await connected(consumer)
  await new Promise((resolve, reject) => {
    consumer.on('event.error', reject)
    consumer.on('data', (message) => {
      lines.print(message.topic, message.partition, message.offset, message.timestamp, message.key, message.value,
        pairs(message.headers))
      if (--left === 0) resolve()
    })
    consumer.assign([...wanted.keys()].map((topic) => ({ topic, partition: 0, offset: 0 })))
    consumer.consume()
  })
  await disconnected(consumer)
}

async function member (bootstrap, group, topic, protocol) {
  const classic = { 'session.timeout.ms': 6000, 'heartbeat.interval.ms': 300 }
  const consumer = new rdkafka.KafkaConsumer({
    ...common(bootstrap),
    'group.id': group,
    'enable.auto.commit': false,
    ...(protocol === 'consumer' ? { 'group.protocol': 'consumer' } : classic),
    rebalance_cb: true
  }, { 'auto.offset.reset': 'earliest' })
  consumer.on('rebalance', () =>
    lines.told('assigned', consumer.assignments().map(({ partition }) => partition).join(',')))
  await connected(consumer)
  consumer.subscribe([topic])
  consumer.on('data', (message) => {
    lines.told('record', message.partition, message.offset, lines.textOf(message.value))
    try {
      consumer.commitMessageSync(message)
      lines.told('committed', message.partition, message.offset + 1)
    } catch (error) {
      lines.told('refused', error.message)
    }
  })
  consumer.consume()
  await new Promise((resolve) => process.on('SIGTERM', resolve))
  await disconnected(consumer)
}

async function idempotent (bootstrap, topic, count) {
  const producer = new rdkafka.Producer({
    ...common(bootstrap),
    'enable.idempotence': true,
    'linger.ms': 1,
    'batch.num.messages': 10,
    'retry.backoff.ms': 5,
    'reconnect.backoff.ms': 5,
    'reconnect.backoff.max.ms': 50,
    dr_cb: true
  })
  await connected(producer)
  producer.setPollInterval(10)
  let left = Number(count)
  const delivered = new Promise((resolve, reject) => producer.on('delivery-report', (error) => {
    if (error) reject(error)
    if (--left === 0) resolve()
  }))
  for (const values of lines.numbered(left, 10)) for (const value of values) producer.produce(topic, 0, value)
  await delivered
  await disconnected(producer)
}

async function admin (bootstrap) {
  const admin = rdkafka.AdminClient.create(common(bootstrap))
  const patienceMs = 20000
  const asked = (verb, ...fields) => new Promise((resolve, reject) =>
    admin[verb](...fields, patienceMs, (error) => (error ? reject(error) : resolve())))
  await lines.administer({
    'create-topic': (topic, partitions, name, value) => asked('createTopic', {
      topic, num_partitions: Number(partitions), replication_factor: 1, config: { [name]: value }
    }),
    'delete-topic': (topic) => asked('deleteTopic', topic),
    'create-partitions': (topic, count) => asked('createPartitions', topic, Number(count))
  }, ({ code }) => code)
  admin.disconnect()
}

lines.run({ produce, consume, member, idempotent, admin })
