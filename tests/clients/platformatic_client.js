// @platformatic/kafka, which knows the newest version of every request.
'use strict'

const { Admin, Consumer, Producer } = require('@platformatic/kafka')
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

async function idempotent (bootstrap, topic, count) {
  const producer = new Producer({ ...common(bootstrap), idempotent: true, retries: 50, retryDelay: 10 })
  for (const values of lines.numbered(Number(count), 10)) {
    await producer.send({ messages: values.map((value) => ({ topic, partition: 0, value })) })
  }
  await producer.close()
}

const topicType = 2
const setOperation = 0

async function admin (bootstrap) {
  const admin = new Admin({ ...common(bootstrap), retries: 1, retryDelay: 10 })
  const resource = (topic) => ({ resourceType: topicType, resourceName: topic })
  await lines.administer({
    'create-topic': async (topic, partitions, name, value) => {
      await admin.createTopics({
        topics: [topic], partitions: Number(partitions), replicas: 1, configs: [{ name, value }]
      })
    },
    'delete-topic': async (topic) => { await admin.deleteTopics({ topics: [topic] }) },
    'create-partitions': (topic, count) =>
      admin.createPartitions({ topics: [{ name: topic, count: Number(count) }] }),
    'describe-config': async (topic, name) => {
      const [{ configs }] = await admin.describeConfigs({
        resources: [{ ...resource(topic), configurationKeys: [name] }]
      })
      return configs[0].value
    },
    'alter-configs': (topic, name, value) =>
      admin.alterConfigs({ resources: [{ ...resource(topic), configs: [{ name, value }] }] }),
    'incremental-alter-configs': (topic, name, value) =>
      admin.incrementalAlterConfigs({
        resources: [{ ...resource(topic), configs: [{ name, configOperation: setOperation, value }] }]
      }),
    'delete-records': async (topic, partition, offset) => {
      await admin.deleteRecords({
        topics: [{ name: topic, partitions: [{ partition: Number(partition), offset: BigInt(offset) }] }]
      })
    },
    'end-offset': async (topic, partition) => {
      const [{ partitions }] = await admin.listOffsets({
        topics: [{ name: topic, partitions: [{ partitionIndex: Number(partition), timestamp: -1n }] }]
      })
      return partitions[0].offset
    },
    'list-groups': async () => [...(await admin.listGroups()).keys()].sort().join(','),
    'describe-group': async (group) => (await admin.describeGroups({ groups: [group] })).get(group).state,
    'group-offsets': async (group, topic) => {
      const [{ topics }] = await admin.listConsumerGroupOffsets({ groups: [group] })
      return topics.find(({ name }) => name === topic).partitions
        .map(({ partitionIndex, committedOffset }) => `${partitionIndex}:${committedOffset}`).sort().join(',')
    },
    'alter-group-offset': (groupId, topic, partition, offset) =>
      admin.alterConsumerGroupOffsets({
        groupId,
        topics: [{ name: topic, partitionOffsets: [{ partition: Number(partition), offset: BigInt(offset) }] }]
      }),
    'delete-group': async (group) => { await admin.deleteGroups({ groups: [group] }) }
  }, codeOf)
  await admin.close()
}

// Of the innermost error that a broker has answered with.
function codeOf (error) {
  if (Number.isInteger(error?.apiCode)) return error.apiCode
  const inside = [error?.cause, ...(error?.errors ?? [])].filter((one) => one !== undefined && one !== null)
  return inside.map(codeOf).find((code) => code !== undefined)
}

lines.run({ produce, consume, member, idempotent, admin })
