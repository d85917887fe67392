// @platformatic/kafka, which knows the newest version of every request.
'use strict'

const { Consumer, Producer } = require('@platformatic/kafka')
const lines = require('./lines.js')

const common = (bootstrap) => ({ clientId: 'platformatic', bootstrapBrokers: [bootstrap] })

async function produce (bootstrap) {
  for (const { topic, codec, records } of lines.topicsToProduce()) {
    const producer = new Producer({ ...common(bootstrap), compression: codec, autocreateTopics: true })
    const messages = records.map(({ partition, timestamp, key, value, headers }) => ({
      topic, partition, key, value, timestamp: BigInt(timestamp), headers: new Map(headers.map(
        ([name, bytes]) => [Buffer.from(name), bytes]))
    }))
    await producer.send({ messages })
    await producer.close()
  }
}

async function consumeTopic (bootstrap, topic, count) {
  const consumer = new Consumer({ ...common(bootstrap), groupId: `platformatic-${topic}`, autocommit: false })
  const stream = await consumer.consume({ topics: [topic], mode: 'earliest' })
  for await (const message of stream) {
    lines.print(topic, message.partition, message.offset, message.timestamp, message.key, message.value,
      [...message.headers].map(([name, bytes]) => [name.toString(), bytes]))
    if (--count === 0) break
  }
  await consumer.close(true)
}

// One by one: of several topics it tells which is which by their ids alone, which Fetch has from version 13 on.
async function consume (bootstrap) {
  for (const [topic, count] of lines.topicsToConsume()) await consumeTopic(bootstrap, topic, count)
}

async function member (bootstrap, group, topic, protocol) {
  const consumer = new Consumer({
    ...common(bootstrap),
    groupId: group,
    autocommit: false,
    ...(protocol === 'consumer' ? { groupProtocol: 'consumer' } : { sessionTimeout: 6000, heartbeatInterval: 300 })
  })
  consumer.on('consumer:group:join', ({ assignments }) =>
    lines.told('assigned', (assignments ?? []).flatMap(({ partitions }) => partitions).join(',')))
  const stream = await consumer.consume({ topics: [topic], mode: 'committed', fallbackMode: 'earliest' })
  stream.on('data', async (message) => {
    lines.told('record', message.partition, message.offset, lines.textOf(message.value))
    try {
      await message.commit()
      lines.told('committed', message.partition, message.offset + 1n)
    } catch (error) {
      lines.told('refused', error.message)
    }
  })
  await new Promise((resolve) => process.on('SIGTERM', resolve))
  await consumer.close(true)
}

lines.run({ produce, consume, member })
